"use strict";
(function () {
  const own = window.holdfast;
  const form = document.getElementById("order-filters");
  const when = document.getElementById("when"), supplier = document.getElementById("supplier");
  const fixed = () => {
    const day = { tonight: `order_on = ${form.dataset.start}`, later: `order_on > ${form.dataset.start}`, all: "" }[when.value];
    return [day, supplier.value ? `supplier_id = "${supplier.value.replace(/"/g, '""')}"` : ""].filter((term) => term);
  };
  const grid = own.grid("orders", {
    before: [own.whyButton((row) => `purchase_orders:${row.order_id}/${row.line}`)],
    fixed: fixed(), sort: [{ column: "cost", dir: "desc" }],
    column: (column) => (column.field === "status" ? { formatter: (cell) => own.make("span", { class: "chip " + cell.getValue() }, own.word(cell.getValue())) } : {}),
  });
  form.addEventListener("change", () => grid.fix(fixed()));
  form.addEventListener("submit", (event) => event.preventDefault());
})();
