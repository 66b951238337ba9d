"use strict";
// what a promotion gains: a point for each way and uplift, its interval as a line through it
(function () {
  const own = window.holdfast;
  const found = own.data("gains-data");
  if (!found) return;
  const hues = { "as planned": "c3", "none extra": "soft", "ordered for expected": "c1", "ordered for high": "c2" };
  const names = found.levels.map((one) => `${own.word(one.name)} ${one.uplift < 0 ? "−" : "+"}${Math.round(100 * Math.abs(one.uplift))} %`);
  const series = [];
  found.ways.forEach((way, at) => {
    const colour = own.colour(hues[way.stock]);
    // ways stand side by side, so that intervals of the same uplift can be told apart
    const across = (level) => level + 0.07 * (at - (found.ways.length - 1) / 2);
    const spread = [];
    way.cells.forEach((cell, level) => spread.push([across(level), cell.low], [across(level), cell.high], [null, null]));
    series.push({
      name: way.name, type: "line", symbol: way.more ? "emptyCircle" : "circle", symbolSize: 8, itemStyle: { color: colour },
      lineStyle: { color: colour, type: way.more ? "dashed" : "solid", width: 1.5 },
      data: way.cells.map((cell, level) => ({ value: [across(level), cell.mean], level, low: cell.low, high: cell.high })),
    }, { type: "line", data: spread, symbol: "none", silent: true, connectNulls: false, lineStyle: { color: colour, width: 1 }, tooltip: { show: false } });
  });
  own.chart("gains", {
    legend: { data: found.ways.map((way) => way.name) },
    grid: { left: 14, right: 20, top: 64, bottom: 10, containLabel: true },
    tooltip: { trigger: "item", renderMode: "richText", formatter: (one) => `${one.seriesName}\n${names[one.data.level]}: ${own.number(one.data.value[1])} (${own.number(one.data.low)} … ${own.number(one.data.high)})` },
    xAxis: { type: "value", min: -0.5, max: names.length - 0.5, interval: 0.5, splitLine: { show: false }, axisTick: { show: false },
      axisLabel: { formatter: (value) => names[value] || "" }, axisLine: { onZero: true, lineStyle: { color: own.colour("edge") } } },
    yAxis: { type: "value", name: found.currency, axisLine: { onZero: false, lineStyle: { color: own.colour("line") } } },
    series,
  });
})();
