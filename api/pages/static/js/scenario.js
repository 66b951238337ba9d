"use strict";
// a table of a scenario: findings beside their cells, cells that can be changed in place
(function () {
  const own = window.holdfast;
  const node = document.getElementById("rows");
  const columns = own.data("rows-columns");
  const keys = columns.filter((column) => column.key).map((column) => column.field);
  const marks = new Map();
  for (const mark of own.data("marks")) marks.set(mark.row + "|" + mark.column, mark);
  const changes = new Map(); // key of the row -> {key, cells: {column: [before, after]}}
  const may = node.dataset.may === "yes";
  const idOf = (row) => JSON.stringify(keys.map((key) => row[key]));

  function list() {
    const spot = document.getElementById("pending-list");
    spot.replaceChildren();
    for (const change of changes.values()) {
      for (const [column, [before, after]] of Object.entries(change.cells)) {
        const title = columns.find((one) => one.field === column).title;
        const show = (value) => (value === null || value === "" ? own.t("blank") : String(value));
        spot.append(own.make("li", {}, `${Object.values(change.key).filter((part) => part !== null).join("/")}: ${title} ${show(before)} → ${show(after)}`));
      }
    }
    document.getElementById("pending").hidden = changes.size === 0;
  }

  function edited(cell) {
    const row = cell.getData(), column = cell.getField();
    const spec = columns.find((one) => one.field === column);
    let value = cell.getValue();
    if (value === "" || value === undefined) value = null;
    if (spec.kind === "number" && value !== null) value = Number(value);
    if (spec.kind === "flag" && value !== null) value = value === true || value === "true";
    const id = idOf(row);
    const change = changes.get(id) || { key: Object.fromEntries(keys.map((key) => [key, row[key]])), cells: {} };
    const before = column in change.cells ? change.cells[column][0] : cell.getOldValue();
    if (value === before) delete change.cells[column]; else change.cells[column] = [before, value];
    if (Object.keys(change.cells).length) changes.set(id, change); else changes.delete(id);
    cell.getElement().classList.toggle("changed", value !== before);
    list();
  }

  const editor = (column) => {
    if (column.kind === "choice") return { editor: "list", editorParams: { values: column.choices } };
    if (column.kind === "flag") return { editor: "list", editorParams: { values: { true: own.t("yes"), false: own.t("no") } } };
    return { editor: column.kind === "number" ? "number" : "input", editorParams: column.kind === "number" ? { elementAttributes: { step: "any" } } : {} };
  };

  const grid = own.grid("rows", {
    rows: (read) => read.rows.map((row, at) => {
      const change = changes.get(idOf(row));
      if (change) for (const [column, [, after]] of Object.entries(change.cells)) row[column] = after;
      return Object.assign(row, { _at: read.first === null ? null : read.first + at + 2 });
    }),
    column: (column) => {
      const shown = { cellEdited: edited };
      if (may && column.edit) Object.assign(shown, editor(column));
      return shown;
    },
  });
  grid.on("renderComplete", () => {
    for (const row of grid.getRows("visible")) {
      const data = row.getData();
      const change = changes.get(idOf(data));
      for (const cell of row.getCells()) {
        const mark = data._at === null ? null : marks.get(data._at + "|" + cell.getField());
        const place = cell.getElement();
        if (mark) { place.classList.add("found-" + mark.severity); place.title = mark.said; }
        place.classList.toggle("changed", Boolean(change && cell.getField() in change.cells));
      }
    }
  });

  document.getElementById("save").addEventListener("click", async () => {
    const wrong = document.getElementById("pending-wrong");
    wrong.textContent = "";
    const value = [...changes.values()].map((change) => Object.assign({}, change.key,
      Object.fromEntries(Object.entries(change.cells).map(([column, [, after]]) => [column, after]))));
    try {
      await own.call("POST", `/v1/scenarios/${node.dataset.scenario}/revisions`, {
        base: node.dataset.head, deltas: [{ table: node.dataset.table, op: "upsert", value }],
      });
      window.location.reload();
    } catch (error) {
      const found = (error.problem && error.problem.errors) || [];
      const hints = await own.said(found.slice(0, 5).map((one) => one.hint));
      // the message of one that cannot be applied says its hint already
      const more = found.map((one, at) => [one, hints[at]]).filter(([one, hint]) => hint && !error.problem.detail.includes(one.hint));
      wrong.textContent = [error.message, ...more.map(([one, hint]) => `${one.column} ${one.value}: ${hint}`)].join(" · ");
    }
  });
  document.getElementById("undo").addEventListener("click", () => { changes.clear(); list(); grid.setData(); });
})();
