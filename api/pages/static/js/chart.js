"use strict";
// ECharts in the colours of the page; texts stay in the canvas, so that no style is written into the page
(function () {
  const own = window.holdfast;
  const charts = [];
  own.palette = () => ["c1", "c2", "c3", "c4", "c5", "c6"].map(own.colour);
  own.chart = function (id, options) {
    const node = document.getElementById(id);
    if (!node) return null;
    const drawn = echarts.getInstanceByDom(node) || echarts.init(node, null, { renderer: "canvas" });
    const ink = own.colour("ink"), soft = own.colour("soft"), line = own.colour("line");
    const axis = (told) => Object.assign({
      nameTextStyle: { color: soft }, axisLine: { lineStyle: { color: line } }, splitLine: { lineStyle: { color: line } },
    }, told, { axisLabel: Object.assign({ color: soft }, told.axisLabel) });
    const wrapped = (told) => (Array.isArray(told) ? told.map(axis) : axis(told));
    const whole = Object.assign({
      animation: false, color: own.palette(), textStyle: { color: ink, fontFamily: "inherit" },
      grid: { left: 10, right: 34, top: 36, bottom: 10, containLabel: true },
      tooltip: { trigger: "axis", renderMode: "richText", backgroundColor: own.colour("card"), borderColor: line, textStyle: { color: ink } },
    }, options);
    if (whole.xAxis) whole.xAxis = wrapped(whole.xAxis);
    if (whole.yAxis) whole.yAxis = wrapped(whole.yAxis);
    if (whole.legend) whole.legend = Object.assign({ textStyle: { color: ink }, top: 0, type: "scroll", pageIconColor: soft, pageTextStyle: { color: soft } }, whole.legend);
    drawn.setOption(whole, true);
    charts.push(drawn);
    return drawn;
  };
  // a band between two lines: the lower one unseen, the difference stacked on it
  own.band = function (name, low, high, colour) {
    const shared = { type: "line", stack: "band " + name, symbol: "none", lineStyle: { opacity: 0 }, silent: true, tooltip: { show: false } };
    return [
      Object.assign({}, shared, { name: name, data: low }),
      Object.assign({}, shared, { name: name, data: high.map((value, at) => (value === null || low[at] === null ? null : value - low[at])), areaStyle: { color: colour || own.colour("band"), opacity: 1 }, itemStyle: { color: colour || own.colour("band") } }),
    ];
  };
  window.addEventListener("resize", () => charts.forEach((drawn) => drawn.resize()));
})();
