"use strict";
// waterfalls: from the baseline's cost, term by term or driver by driver, to the candidate's
(function () {
  const own = window.holdfast;
  function fall(id, before, changes, after) {
    const steps = changes.filter((step) => Math.abs(step.change) > 1e-9);
    const names = [own.t("Baseline"), ...steps.map((step) => step.name), own.t("Candidate")];
    const foot = [0], up = [null], down = [null], whole = [before];
    let level = before;
    for (const step of steps) {
      foot.push(Math.min(level, level + step.change));
      up.push(step.change > 0 ? step.change : null);
      down.push(step.change < 0 ? -step.change : null);
      whole.push(null);
      level += step.change;
    }
    foot.push(0); up.push(null); down.push(null); whole.push(after);
    const bar = (name, data, colour) => ({ name, type: "bar", stack: "all", data, itemStyle: { color: colour }, barMaxWidth: 60 });
    own.chart(id, {
      legend: { data: [own.t("more"), own.t("less"), own.t("whole")] },
      tooltip: { trigger: "item", renderMode: "richText", formatter: (one) => `${one.name}: ${own.number(one.value)}` },
      xAxis: { type: "category", data: names, axisLabel: { interval: 0, rotate: names.length > 5 ? 30 : 0 } },
      yAxis: { type: "value", axisLabel: { formatter: own.short } },
      series: [
        { type: "bar", stack: "all", data: foot, silent: true, itemStyle: { color: "transparent" }, tooltip: { show: false } },
        bar(own.t("more"), up, own.colour("c2")), bar(own.t("less"), down, own.colour("c1")), bar(own.t("whole"), whole, own.colour("c3")),
      ],
    });
  }
  const drivers = own.data("drivers-data");
  if (drivers) fall("drivers", drivers.before, drivers.bars.map((bar) => ({ name: bar.said, change: bar.change })), drivers.after);
  (own.data("stages-data") || []).forEach((part, at) => {
    fall("waterfall-" + at, part.before, part.terms.map((row) => ({ name: own.word(row.term), change: row.after - row.before })), part.after);
  });
})();
