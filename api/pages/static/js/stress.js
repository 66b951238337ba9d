"use strict";
(function () {
  const own = window.holdfast;
  const curves = own.data("curves");
  const choice = document.getElementById("case");
  function draw() {
    const rows = curves[choice.value];
    if (!rows) return;
    own.chart("curve", {
      legend: { data: [own.t("mean"), own.t("5 to 95 %"), own.t("undisturbed")] },
      xAxis: { type: "category", data: rows.day, name: own.t("day") },
      yAxis: { type: "value", min: 0, max: 1, axisLabel: { formatter: (value) => own.percent(value) } },
      series: [
        ...own.band(own.t("5 to 95 %"), rows.p5, rows.p95),
        { type: "line", name: own.t("mean"), data: rows.mean, symbol: "none", itemStyle: { color: own.colour("c1") } },
        { type: "line", name: own.t("undisturbed"), data: rows.baseline, symbol: "none", lineStyle: { type: "dashed" }, itemStyle: { color: own.colour("soft") } },
      ],
    });
  }
  if (!choice) return;
  choice.addEventListener("change", draw);
  for (const button of document.querySelectorAll("button[data-case]")) {
    button.addEventListener("click", () => {
      choice.value = button.dataset.case;
      draw();
      document.getElementById("curve").scrollIntoView({ block: "center" });
    });
  }
  draw();
})();
