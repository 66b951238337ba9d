"use strict";
// what would harden a plan: a point for each choice, its intervals as lines through it
(function () {
  const own = window.holdfast;
  const found = own.data("frontier-data");
  if (!found) return;
  const across = [], upright = [];
  for (const one of found.points) {
    if (one.cost_low !== null) across.push([one.cost_low, one.value], [one.cost_high, one.value], [null, null]);
    if (one.low !== null) upright.push([one.cost, one.low], [one.cost, one.high], [null, null]);
  }
  const spread = (data) => ({ type: "line", data, symbol: "none", silent: true, connectNulls: false, lineStyle: { color: own.colour("soft"), width: 1 }, tooltip: { show: false } });
  const named = (name, passed, colour) => ({
    name, type: "scatter", symbolSize: 13, itemStyle: { color: own.colour(colour) },
    symbol: passed ? "circle" : "diamond",
    data: found.points.map((one, at) => ({ value: [one.cost, one.value], at, passed: one.passed })).filter((one) => one.passed === passed),
    label: { show: true, position: "right", color: own.colour("ink"), formatter: (one) => String(one.data.at) },
  });
  const tellable = found.figure === "fill_rate" || !found.figure;
  const says = tellable ? (value) => own.percent(value, 1) : own.number;
  const floor = named(own.t("all gates hold"), true, "c1");
  floor.markLine = {
    symbol: "none", silent: true, lineStyle: { type: "dashed", color: own.colour("c2") },
    label: { color: own.colour("ink"), formatter: says(found.bound), position: "insideEndTop" }, data: [{ yAxis: found.bound }],
  };
  own.chart("frontier", {
    legend: { data: [own.t("all gates hold"), own.t("a gate is missed")] },
    grid: { left: 14, right: 40, top: 56, bottom: 26, containLabel: true },
    tooltip: { trigger: "item", renderMode: "richText", formatter: (one) => `${one.data.at}: ${own.number(one.value[0])}, ${says(one.value[1])}` },
    xAxis: { type: "value", name: own.t("cost"), nameLocation: "middle", nameGap: 26, scale: true, boundaryGap: ["6%", "6%"], axisLabel: { formatter: own.short } },
    yAxis: { type: "value", name: found.figure ? own.t("in the worst case") : own.t("tightest gate"), scale: true, axisLabel: { formatter: says },
      nameTextStyle: { align: "left", color: own.colour("soft") }, axisLine: { onZero: false, lineStyle: { color: own.colour("line") } } },
    // the first point is unseen: it keeps the bound within the chart
    series: [spread([[found.points[0].cost, found.bound]]), spread(across), spread(upright), floor, named(own.t("a gate is missed"), false, "c2")],
  });
})();
