"use strict";
// tables that page from the server: sorting and filtering are done there too
(function () {
  const own = window.holdfast;
  const ENDS = /[\s"'(),<>=!]/;
  const narrow = own.narrow;
  own.grids = {};

  function quoted(value) {
    const text = String(value);
    return ENDS.test(text) || /^(and|in|is)$/i.test(text) || text === "" ? `"${text.replace(/"/g, '""')}"` : text;
  }
  // 12, >=5, <3, 2026-11 ... as people type it into the field of a column
  own.term = function (column, typed) {
    const text = String(typed).trim();
    if (text === "") return null;
    if (column.kind === "choice" || column.kind === "flag") return `${column.field} = ${quoted(text)}`;
    if (column.kind === "number" || column.kind === "date") {
      const found = /^(<=|>=|!=|<|>|=)?\s*(.+)$/.exec(text);
      if (column.kind === "number" && Number.isNaN(Number(found[2]))) return null;
      if (column.kind === "date" && !/^\d{4}-\d{2}-\d{2}/.test(found[2])) return null;
      return `${column.field} ${found[1] || "="} ${quoted(found[2])}`;
    }
    return `${column.field} contains ${quoted(text)}`;
  };

  function shown(column, value) {
    if (value === null || value === undefined) return "";
    if (column.kind === "number") return own.number(value, column.whole || Math.abs(value) >= 1000 ? 0 : column.digits);
    if (column.kind === "flag") return value ? own.t("yes") : own.t("no");
    if (column.kind === "choice") return column.choices[value] || value;
    if (column.kind === "date") return String(value).replace("T", " ").replace(/ 00:00:00$/, "").replace(/:00$/, "");
    return value;
  }

  // as many digits for all of a column as its values need, so that their points stand in a line
  function align(columns, rows) {
    const needs = (size) => (Number.isInteger(size) || size >= 1000 ? 0 : size >= 0.1 ? 2 : 1 - Math.floor(Math.log10(size)));
    for (const column of columns.filter((one) => one.kind === "number" && !one.whole)) {
      column.digits = Math.min(column.field.endsWith("_days") ? 1 : 6, Math.max(0, ...rows.map((row) => needs(Math.abs(row[column.field] || 0)))));
    }
  }

  function field(column) {
    const wide = narrow ? { number: 84, date: 104, flag: 64, choice: 96, text: 84 } : { number: 96, date: 118, flag: 80, choice: 120, text: 130 };
    const told = {
      field: column.field, title: column.title, headerTooltip: column.help || column.field, minWidth: wide[column.kind],
      hozAlign: column.kind === "number" ? "right" : "left", headerHozAlign: column.kind === "number" ? "right" : "left",
      headerSort: column.sort !== false,
      formatter: (cell) => {
        const node = document.createElement("span");
        node.textContent = shown(column, cell.getValue());
        if (column.chip) node.className = "chip " + cell.getValue();
        return node;
      },
    };
    if (column.filter !== false) {
      told.headerFilter = column.kind === "choice" || column.kind === "flag" ? "list" : "input";
      told.headerFilterLiveFilter = true;
      told.headerFilterPlaceholder = { number: "> 10", date: "2026-11-01" }[column.kind] || "";
      if (column.kind === "choice") told.headerFilterParams = { values: Object.assign({ "": own.t("all") }, column.choices) };
      if (column.kind === "flag") told.headerFilterParams = { values: { "": own.t("all"), yes: own.t("yes"), no: own.t("no") } };
    }
    return told;
  }

  // on a phone the first column stays in sight; those that matter most (told.narrow) stand beside it
  function arranged(columns, told) {
    const first = (narrow && told.narrow) || [];
    const rest = columns.filter((column) => !first.includes(column.field));
    const sorted = first.map((name) => columns.find((column) => column.field === name)).concat(rest);
    const shown = sorted.map((column) => Object.assign(field(column), told.column ? told.column(column) : {}));
    const before = told.before || [];
    return narrow ? [Object.assign(shown[0], { frozen: true }), ...before, ...shown.slice(1)] : [...before, ...shown];
  }

  // more: extra Tabulator columns in front, fixed terms of the filter, what to do with rows
  own.grid = function (id, more) {
    const node = document.getElementById(id);
    if (!node || own.grids[id]) return own.grids[id];
    const told = more || {};
    const columns = own.data(id + "-columns");
    const byField = Object.fromEntries(columns.map((column) => [column.field, column]));
    let fixed = told.fixed || [];
    const where = (filters) => {
      const terms = fixed.concat(filters.map((one) => own.term(byField[one.field], one.value))).filter((term) => term);
      const lost = filters.find((one) => String(one.value).trim() && !own.term(byField[one.field], one.value));
      if (lost) own.tell(own.t("This is no number or date to filter by: {text}", { text: lost.value }));
      return terms.join(" and ");
    };
    const foot = own.make("div", { class: "grid-foot" }, own.make("span", { class: "grid-count", "aria-live": "polite" }), own.make("span", { class: "grid-pages" }));
    node.after(foot);
    const grid = new Tabulator(node, {
      paginationElement: foot.lastChild,
      layout: "fitDataFill", autoResize: false, placeholder: own.t("No rows."), height: told.height,
      pagination: true, paginationMode: "remote", sortMode: "remote", filterMode: "remote",
      paginationSize: Number(node.dataset.size), paginationSizeSelector: [25, 50, 100, 250],
      headerFilterLiveFilterDelay: 450, columnHeaderSortMulti: true, selectableRows: told.selectable || "highlight",
      index: told.index, ajaxURL: node.dataset.source, ajaxRequestFunc: async (url, _config, asked) => {
        const query = new URLSearchParams({ first: (asked.page - 1) * asked.size, size: asked.size });
        const filter = where(asked.filter || []);
        if (filter) query.set("filter", filter);
        if (asked.sort && asked.sort.length) query.set("sort", asked.sort.map((one) => (one.dir === "desc" ? "-" : "") + one.field).reverse().join(","));
        const read = await own.call("GET", url + "?" + query);
        const from = (asked.page - 1) * asked.size;
        foot.firstChild.textContent = own.t("Rows {first} to {last} of {all}", {
          first: own.number(read.rows.length ? from + 1 : 0), last: own.number(from + read.rows.length), all: own.number(read.total),
        });
        const rows = told.rows ? told.rows(read) : read.rows;
        align(columns, rows);
        return { last_page: Math.max(1, Math.ceil(read.total / asked.size)), last_row: read.total, data: rows };
      },
      columns: arranged(columns, told),
      initialSort: told.sort || [],
      langs: { default: {
        data: { loading: own.t("Loading"), error: own.t("Error") },
        pagination: { page_size: own.t("Rows a page"), page_title: own.t("Page"), first: "«", first_title: own.t("First page"), last: "»", last_title: own.t("Last page"), prev: "‹", prev_title: own.t("Page before"), next: "›", next_title: own.t("Next page"), all: own.t("all") },
      } },
    });
    // Tabulator's own watch (autoResize) would lay rows out anew under an editor, which is lost then
    let later = 0;
    window.addEventListener("resize", () => {
      clearTimeout(later);
      later = setTimeout(() => { if (!node.classList.contains("tabulator-editing")) grid.redraw(true); }, 200);
    });
    grid.filterText = () => where(grid.getHeaderFilters());
    grid.fix = (terms) => { fixed = terms; grid.setData(); };
    grid.on("dataLoadError", (error) => own.tell(error.message));
    grid.on("tableBuilt", () => tidy(node, byField));
    grid.on("dataProcessed", () => tidy(node, byField));
    own.grids[id] = grid;
    return grid;
  };

  // what Tabulator leaves out for those who listen to a page or use its keys
  function tidy(node, byField) {
    for (const head of node.querySelectorAll(".tabulator-col[tabulator-field]")) {
      const column = byField[head.getAttribute("tabulator-field")];
      const input = head.querySelector(".tabulator-header-filter input");
      if (column && input) input.setAttribute("aria-label", own.t("Filter") + " " + column.title);
    }
    const size = node.nextElementSibling.querySelector(".tabulator-page-size");
    if (size) size.setAttribute("aria-label", own.t("Rows a page"));
    // rows belong to the part that scrolls, which keys can reach
    const holder = node.querySelector(".tabulator-tableholder");
    const table = node.querySelector(".tabulator-table");
    holder.setAttribute("tabindex", "0");
    holder.setAttribute("role", "rowgroup");
    table.setAttribute("role", "presentation");
  }

  for (const node of document.querySelectorAll(".data-grid:not([data-own])")) own.grid(node.id);
})();
