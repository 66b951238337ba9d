"use strict";
// a waterfall: from the baseline's cost, term by term, to the candidate's
(function () {
  const own = window.holdfast;
  (own.data("stages-data") || []).forEach((part, at) => {
    const steps = part.terms.map((row) => ({ name: own.word(row.term), change: row.after - row.before })).filter((step) => Math.abs(step.change) > 1e-9);
    const names = [own.t("Baseline"), ...steps.map((step) => step.name), own.t("Candidate")];
    const foot = [0], up = [null], down = [null], whole = [part.before];
    let level = part.before;
    for (const step of steps) {
      foot.push(Math.min(level, level + step.change));
      up.push(step.change > 0 ? step.change : null);
      down.push(step.change < 0 ? -step.change : null);
      whole.push(null);
      level += step.change;
    }
    foot.push(0); up.push(null); down.push(null); whole.push(part.after);
    const bar = (name, data, colour) => ({ name, type: "bar", stack: "all", data, itemStyle: { color: colour }, barMaxWidth: 60 });
    own.chart("waterfall-" + at, {
      legend: { data: [own.t("more"), own.t("less"), own.t("whole")] },
      tooltip: { trigger: "item", renderMode: "richText", formatter: (one) => `${one.name}: ${own.number(one.value)}` },
      xAxis: { type: "category", data: names, axisLabel: { interval: 0, rotate: names.length > 5 ? 30 : 0 } },
      yAxis: { type: "value" },
      series: [
        { type: "bar", stack: "all", data: foot, silent: true, itemStyle: { color: "transparent" }, tooltip: { show: false } },
        bar(own.t("more"), up, own.colour("c2")), bar(own.t("less"), down, own.colour("c1")), bar(own.t("whole"), whole, own.colour("c3")),
      ],
    });
  });
})();
