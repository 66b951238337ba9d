"use strict";
// why a decision is as it is: its arithmetic, what bound it, the next-best choice
(function () {
  const own = window.holdfast;
  const SECONDS = 8; // of solving, while somebody waits
  own.whyButton = (act, more) => ({
    title: own.t("Why"), field: "why", headerSort: false, width: own.narrow ? 56 : 76, minWidth: 52, hozAlign: "center", download: false,
    formatter: (cell) => {
      const button = own.make("button", { class: "quiet", type: "button" }, own.t("Why"));
      button.setAttribute("aria-label", own.t("Why") + " " + act(cell.getData()));
      button.addEventListener("click", () => own.why(cell.getTable().element.dataset.plan, act(cell.getData()), more && (() => more(cell.getData()))));
      return button;
    },
  });

  function table(sum) {
    const body = own.make("tbody");
    const line = (name, value, strong) => {
      const cells = [own.make("td", {}, strong ? own.make("strong", {}, name) : name), own.make("td", { class: "number" }, own.number(value))];
      body.append(own.make("tr", {}, ...cells));
    };
    for (const term of sum.terms) if (term.value !== 0) line(own.word(term.name), term.value, false);
    line(own.t("Sum"), sum.total, true);
    return own.make("table", {}, body);
  }

  // more: puts further parts below, as a field to try another decision
  own.why = async function (plan, decision, more) {
    const dialog = document.getElementById("why");
    const body = document.getElementById("why-body");
    body.replaceChildren(own.make("p", { class: "quiet" }, own.t("Loading")));
    document.getElementById("why-title").textContent = own.t("Why") + ": " + decision.replace(/^[a-z_]+:/, "");
    if (!dialog.open) dialog.showModal();
    try {
      const found = await own.call("GET", `/v1/plans/${plan}/explanations?decision_id=${encodeURIComponent(decision)}`);
      body.replaceChildren();
      for (const one of found.explanations) {
        body.append(own.make("ul", { class: "changes" }, ...(one.sentences[own.language] || one.sentences.en || []).map((said) => own.make("li", {}, said))));
        for (const sum of one.sums) {
          const title = `${own.word(sum.name)} (${sum.unit === "money" ? found.currency : own.word(sum.unit)})`;
          body.append(own.make("details", {}, own.make("summary", {}, title), table(sum)));
        }
      }
      if (!found.explanations.length) body.append(own.make("p", {}, own.t("The stage kept no arithmetic for this row.")));
    } catch (error) {
      body.replaceChildren(own.make("p", { class: "wrong" }, error.message));
    }
    if (more) body.append(...more());
  };

  // a what-if that takes longer than a request waits: its run keeps the answer
  async function later(run) {
    while (!["succeeded", "failed", "cancelled"].includes(run.state)) {
      await new Promise((done) => setTimeout(done, 500));
      run = await own.call("GET", `/v1/runs/${run.id}`);
    }
    if (run.state !== "succeeded") throw new Error(run.reason ? (await own.said([run.reason]))[0] : own.word(run.state));
    return own.call("GET", `/v1/plans/${run.plan}/files/what_if.json`);
  }

  // what another decision would cost: the plan stays as it is
  own.whatIf = async function (plan, decision, spot) {
    spot.replaceChildren(own.make("p", { class: "quiet" }, own.t("Planning again with it ...")));
    try {
      let answer = await own.call("POST", `/v1/plans/${plan}:what-if`, { decision, seconds: SECONDS, wait_seconds: 20 });
      if (typeof answer.run !== "string") answer = await later(answer.run);
      const parts = [];
      if (!answer.possible) {
        parts.push(own.make("p", { class: "wrong" }, own.t(answer.proven ? "Not possible, and that is proven." : "No plan with it was found.")));
        const reasons = await own.said(answer.reasons);
        parts.push(own.make("ul", { class: "changes" }, ...reasons.map((reason) => own.make("li", {}, reason))));
      } else {
        parts.push(own.make("p", {}, own.make("strong", {}, own.t(answer.extra_cost < 0 ? "Saves {money} in all" : "Costs {money} more in all", { money: own.number(Math.abs(answer.extra_cost)) }))));
        if (answer.extra_cost_at_least !== null && answer.extra_cost_at_most !== null) {
          parts.push(own.make("p", { class: "quiet" }, own.t("Between the best plans: from {low} to {high}", { low: own.number(answer.extra_cost_at_least), high: own.number(answer.extra_cost_at_most) })));
        }
        const rows = answer.stages.flatMap((stage) => stage.terms.filter((term) => Math.abs(term.change) > 1e-9).map((term) => own.make("tr", {},
          own.make("td", {}, `${own.word(stage.stage)}: ${own.word(term.term)}`), own.make("td", { class: "number" }, own.number(term.change)))));
        if (rows.length) parts.push(own.make("table", {}, own.make("tbody", {}, ...rows)));
        if (answer.moves.length) {
          parts.push(own.make("details", {}, own.make("summary", {}, own.t("What else moves ({n})", { n: own.number(answer.moves.length) })),
            own.make("ul", { class: "changes" }, ...answer.moves.slice(0, 40).map((move) => own.make("li", {}, `${move.what}: ${move.before || "–"} → ${move.after || "–"}`)))));
        }
      }
      for (const said of await own.said(answer.notes || [])) parts.push(own.make("p", { class: "note" }, said));
      spot.replaceChildren(...parts);
    } catch (error) {
      spot.replaceChildren(own.make("p", { class: "wrong" }, error.message));
    }
  };
})();
