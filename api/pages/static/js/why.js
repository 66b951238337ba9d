"use strict";
// why a decision is as it is: its arithmetic, what bound it, the next-best choice
(function () {
  const own = window.holdfast;
  own.whyButton = (act) => ({
    title: own.t("Why"), field: "why", headerSort: false, width: 76, minWidth: 76, hozAlign: "center", download: false,
    formatter: (cell) => {
      const button = own.make("button", { class: "quiet", type: "button" }, own.t("Why"));
      button.setAttribute("aria-label", own.t("Why") + " " + act(cell.getData()));
      button.addEventListener("click", () => own.why(cell.getTable().element.dataset.plan, act(cell.getData())));
      return button;
    },
  });

  function read(text) {
    try { return JSON.parse(text); } catch (_error) { return null; }
  }
  function pairs(told) {
    const body = own.make("tbody");
    for (const [name, value] of Object.entries(told)) {
      const number = typeof value === "number";
      const shown = number ? own.number(value) : typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
      body.append(own.make("tr", {}, own.make("td", {}, own.word(name)), own.make("td", { class: number ? "number" : "" }, shown)));
    }
    return own.make("table", {}, body);
  }

  own.why = async function (plan, decision) {
    const dialog = document.getElementById("why");
    const body = document.getElementById("why-body");
    body.replaceChildren(own.make("p", { class: "quiet" }, own.t("Loading")));
    document.getElementById("why-title").textContent = own.t("Why") + ": " + decision.replace(/^[a-z_]+:/, "");
    if (!dialog.open) dialog.showModal();
    let rows = [];
    try {
      rows = (await own.call("GET", `/v1/plans/${plan}/explanations?decision_id=${encodeURIComponent(decision)}`)).rows;
    } catch (error) {
      body.replaceChildren(own.make("p", { class: "wrong" }, error.message));
      return;
    }
    if (!rows.length) {
      body.replaceChildren(own.make("p", {}, own.t("The stage kept no arithmetic for this row.")));
      return;
    }
    body.replaceChildren();
    for (const row of rows) {
      const terms = read(row.terms), binding = read(row.binding);
      if (terms && typeof terms === "object") body.append(own.make("h3", {}, own.t("How it was reckoned")), pairs(terms));
      else if (row.terms) body.append(own.make("p", {}, row.terms));
      if (binding && typeof binding === "object") body.append(own.make("h3", {}, own.t("What decided")), pairs(binding));
      else if (row.binding) body.append(own.make("h3", {}, own.t("What decided")), own.make("p", {}, row.binding));
      if (row.alternative) {
        body.append(own.make("h3", {}, own.t("Next-best choice")), own.make("p", {}, row.alternative +
          (row.extra_cost === null || row.extra_cost === undefined ? "" : " (" + own.t("costs {money} more", { money: own.number(row.extra_cost) }) + ")")));
      }
    }
  };
})();
