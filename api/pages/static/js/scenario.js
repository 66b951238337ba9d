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
  const added = new Map(); // number of a new row -> {column: value}
  const gone = new Map(); // key of a row that is taken out -> {column: value}
  let numbered = 0;
  const may = node.dataset.may === "yes";
  const idOf = (row) => JSON.stringify(keys.map((key) => row[key]));

  function list() {
    const spot = document.getElementById("pending-list");
    spot.replaceChildren();
    const titled = (cells) => Object.entries(cells).map(([column, value]) => `${columns.find((one) => one.field === column).title} ${value}`).join(", ");
    for (const cells of added.values()) spot.append(own.make("li", {}, `${own.t("New row")}: ${titled(cells)}`));
    for (const key of gone.values()) spot.append(own.make("li", {}, `${own.t("Taken out")}: ${Object.values(key).filter((part) => part !== null).join("/")}`));
    for (const change of changes.values()) {
      for (const [column, [before, after]] of Object.entries(change.cells)) {
        const title = columns.find((one) => one.field === column).title;
        const show = (value) => (value === null || value === "" ? own.t("blank") : String(value));
        spot.append(own.make("li", {}, `${Object.values(change.key).filter((part) => part !== null).join("/")}: ${title} ${show(before)} → ${show(after)}`));
      }
    }
    document.getElementById("pending").hidden = changes.size + added.size + gone.size === 0;
  }

  function edited(cell) {
    const row = cell.getData(), column = cell.getField();
    const spec = columns.find((one) => one.field === column);
    let value = cell.getValue();
    if (value === "" || value === undefined) value = null;
    if (spec.kind === "number" && value !== null) value = Number(value);
    if (spec.kind === "flag" && value !== null) value = value === true || value === "true";
    if (row._new) {
      const cells = added.get(row._new);
      if (value === null) delete cells[column]; else cells[column] = value;
      list();
      return;
    }
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

  // takes a row out, or back in; a new row just goes
  function takeOut(cell) {
    const row = cell.getData(), id = idOf(row);
    if (row._new) {
      added.delete(row._new);
      cell.getRow().delete();
    } else {
      if (gone.has(id)) gone.delete(id); else gone.set(id, Object.fromEntries(keys.map((key) => [key, row[key]])));
      struck(cell.getRow());
    }
    list();
  }
  function struck(row) {
    const out = gone.has(idOf(row.getData()));
    row.getElement().style.textDecoration = out ? "line-through" : "";
    const button = row.getElement().querySelector("button");
    if (button) button.setAttribute("aria-pressed", String(out));
  }
  const before = !may ? [] : [{
    field: "out", title: "", headerSort: false, width: 44, minWidth: 44, hozAlign: "center",
    formatter: (cell) => {
      const named = keys.map((key) => cell.getData()[key]).filter((part) => part !== null && part !== undefined).join("/");
      const button = own.make("button", { type: "button", class: "quiet", "aria-pressed": "false", "aria-label": `${own.t("Take this row out")} ${named}` }, "✕");
      button.addEventListener("click", () => takeOut(cell));
      return button;
    },
  }];

  const grid = own.grid("rows", {
    before,
    rows: (read) => read.rows.map((row, at) => {
      const change = changes.get(idOf(row));
      if (change) for (const [column, [, after]] of Object.entries(change.cells)) row[column] = after;
      return Object.assign(row, { _at: read.first === null ? null : read.first + at + 2 });
    }),
    column: (column) => {
      const shown = { cellEdited: edited };
      if (may) Object.assign(shown, editor(column), { editable: (cell) => column.edit || Boolean(cell.getData()._new) });
      return shown;
    },
  });
  grid.on("renderComplete", () => {
    for (const row of grid.getRows("visible")) {
      const data = row.getData();
      const change = changes.get(idOf(data));
      if (may) struck(row);
      for (const cell of row.getCells()) {
        const mark = data._at === null ? null : marks.get(data._at + "|" + cell.getField());
        const place = cell.getElement();
        if (mark) { place.classList.add("found-" + mark.severity); place.title = mark.said; }
        place.classList.toggle("changed", Boolean(change && cell.getField() in change.cells));
      }
    }
  });

  const adding = document.getElementById("add-row");
  if (adding) {
    grid.on("tableBuilt", () => { adding.disabled = false; });
    adding.addEventListener("click", async () => {
      numbered += 1;
      added.set(numbered, {});
      const row = await grid.addRow({ _new: numbered }, true);
      list();
      const first = row.getCells().find((cell) => cell.getField() !== "out");
      first.edit(true);
    });
  }
  document.getElementById("save").addEventListener("click", async () => {
    const wrong = document.getElementById("pending-wrong");
    wrong.textContent = "";
    const changed = [...changes].filter(([id]) => !gone.has(id)).map(([, change]) => Object.assign({}, change.key,
      Object.fromEntries(Object.entries(change.cells).map(([column, [, after]]) => [column, after]))));
    const table = node.dataset.table, value = changed.concat([...added.values()]), deltas = [];
    if (gone.size) deltas.push({ table, op: "delete", value: [...gone.values()] });
    if (value.length) deltas.push({ table, op: "upsert", value });
    try {
      await own.call("POST", `/v1/scenarios/${node.dataset.scenario}/revisions`, {
        base: node.dataset.head, deltas,
      });
      window.location.reload();
    } catch (error) {
      const found = (error.problem && error.problem.errors) || [];
      const findings = found.slice(0, 5).map(({ code, table, hint }) => ({ code, table: table || "", hint }));
      const hints = findings.length ? (await own.call("POST", "/words/findings", { findings })).texts : [];
      // the message of one that cannot be applied says its hint already
      const more = found.map((one, at) => [one, hints[at]]).filter(([one, hint]) => hint && !error.problem.detail.includes(one.hint));
      wrong.textContent = [error.message, ...more.map(([one, hint]) => `${one.column} ${one.value}: ${hint}`)].join(" · ");
    }
  });
  document.getElementById("undo").addEventListener("click", () => { changes.clear(); added.clear(); gone.clear(); list(); grid.setData(); });
})();
