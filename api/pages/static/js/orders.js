"use strict";
// orders to place: filter, edit, approve, reject; what is decided stands beside the plan
(async function () {
  const own = window.holdfast;
  const form = document.getElementById("order-filters");
  const when = document.getElementById("when"), supplier = document.getElementById("supplier");
  const plan = document.getElementById("standing").dataset.plan;
  const deciding = document.getElementById("deciding");
  const keyOf = (row) => `${row.order_id}/${row.line}`;
  let decided = new Map();

  const keep = (read) => { decided = new Map(read.decisions.map((one) => [one.key, one])); };
  keep(await own.call("GET", `/v1/plans/${plan}/row-decisions?table=purchase_orders`));

  const fixed = () => {
    const day = { tonight: `order_on = ${form.dataset.start}`, later: `order_on > ${form.dataset.start}`, all: "" }[when.value];
    return [day, supplier.value ? `supplier_id = "${supplier.value.replace(/"/g, '""')}"` : ""].filter((term) => term);
  };

  async function decide(decisions) {
    const wrong = document.getElementById("deciding-wrong");
    wrong.textContent = "";
    try {
      keep(await own.call("POST", `/v1/plans/${plan}:decide-rows`, { table: "purchase_orders", decisions }));
      own.tell(own.t("Kept."));
    } catch (error) {
      wrong.textContent = error.message;
    }
    grid.setPage(grid.getPage());
  }

  const shown = {
    qty: {
      editor: deciding ? "number" : undefined, editorParams: { min: 0, elementAttributes: { step: "any" } },
      formatter: (cell) => {
        const row = cell.getData();
        return own.make("span", {}, own.number(cell.getValue()) + (row._planned !== undefined && row._planned !== cell.getValue() ? ` (${own.number(row._planned)})` : ""));
      },
      cellEdited: (cell) => {
        const row = cell.getData();
        if (Number(cell.getValue()) > 0 && cell.getValue() !== cell.getOldValue()) {
          decide([{ key: keyOf(row), verdict: "approved", qty: Number(cell.getValue()) }]);
        } else {
          if (cell.getValue() !== cell.getOldValue()) own.tell(own.t("A quantity is above 0; to drop a line, reject it."));
          cell.restoreOldValue();
        }
      },
    },
    status: {
      formatter: (cell) => {
        const found = decided.get(keyOf(cell.getData()));
        const name = found ? found.verdict : cell.getValue();
        const chip = own.make("span", { class: "chip " + name }, own.word(name));
        if (found) chip.title = found.decided_by;
        return chip;
      },
    },
  };
  function another(row) {
    if (form.dataset.may !== "yes" || row.order_on !== form.dataset.start) return [];
    const spot = own.make("div", { "aria-live": "polite" });
    const field = own.make("input", { type: "number", min: "0", step: "any", id: "what-if-qty", value: String(row.qty) });
    const button = own.make("button", { type: "button", class: "plain" }, own.t("See what it would cost"));
    button.addEventListener("click", () => own.whatIf(plan, { kind: "purchase", product_id: row.product_id, supplier_id: row.supplier_id, site_id: row.site_id, sense: "=", qty: Number(field.value) }, spot));
    return [own.make("h3", {}, own.t("What if it were another quantity?")), own.make("div", { class: "bar" },
      own.make("div", {}, own.make("label", { for: "what-if-qty" }, own.t("Units")), field), button), spot];
  }
  const before = [own.whyButton((row) => `purchase_orders:${keyOf(row)}`, another)];
  if (deciding) {
    before.unshift({
      field: "chosen", title: "", headerSort: false, width: own.narrow ? 36 : 44, minWidth: 36, hozAlign: "center",
      titleFormatter: () => {
        const box = own.make("input", { type: "checkbox", id: "choose-all", "aria-label": own.t("Choose all lines of this page") });
        box.addEventListener("change", () => {
          for (const one of document.querySelectorAll("#orders .tabulator-row input[type=checkbox]")) {
            if (one.checked !== box.checked) one.click();
          }
        });
        return box;
      },
      formatter: (cell) => {
        const box = own.make("input", { type: "checkbox", "aria-label": own.t("Choose") + " " + keyOf(cell.getData()) });
        box.checked = cell.getRow().isSelected();
        box.addEventListener("change", () => (box.checked ? cell.getRow().select() : cell.getRow().deselect()));
        return box;
      },
    });
  }
  const grid = own.grid("orders", {
    before, narrow: ["product_id", "qty", "cost", "due_on", "supplier_id"], fixed: fixed(), sort: [{ column: "cost", dir: "desc" }],
    rows: (read) => read.rows.map((row) => {
      const found = decided.get(keyOf(row));
      if (found && found.qty !== null) { row._planned = row.qty; row.qty = found.qty; row.cost = found.qty * row.unit_cost; }
      return row;
    }),
    column: (column) => shown[column.field] || {},
  });
  grid.on("rowSelectionChanged", (rows) => { if (deciding) document.getElementById("chosen").textContent = String(rows.length); });
  form.addEventListener("change", () => grid.fix(fixed()));
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("[data-verdict]")) {
    button.addEventListener("click", () => {
      const rows = grid.getSelectedData();
      if (!rows.length) { own.tell(own.t("Choose lines first.")); return; }
      decide(rows.map((row) => ({ key: keyOf(row), verdict: button.dataset.verdict })));
    });
  }
})();
