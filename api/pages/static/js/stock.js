"use strict";
(function () {
  const own = window.holdfast;
  const node = document.getElementById("health");

  async function bands(row) {
    const query = new URLSearchParams({ product_id: row.product_id, site_id: row.site_id });
    const found = await own.call("GET", `/plans/${node.dataset.plan}/stock/bands?${query}`);
    document.getElementById("bands-card").hidden = false;
    document.getElementById("bands-title").textContent = `${row.product_id} @ ${row.site_id}`;
    if (!found.buckets.length) {
      document.getElementById("bands-note").textContent = own.t("The plan has no projection of this one.");
      return;
    }
    const levels = { s: own.t("order below (s)"), S: own.t("order up to (S)"), safety_stock: own.t("safety stock") };
    const lines = Object.entries(found.levels).map(([name, value], at) => ({
      type: "line", name: levels[name], symbol: "none", data: found.buckets.map(() => value),
      lineStyle: { type: "dashed", width: 1.5 }, itemStyle: { color: own.colour(["c2", "c3", "c4"][at]) },
    }));
    own.chart("bands", {
      legend: { data: [own.t("closing stock"), own.t("80 % of futures"), own.t("arrives"), ...lines.map((line) => line.name)] },
      xAxis: { type: "category", data: found.buckets },
      yAxis: { type: "value" },
      series: [
        ...own.band(own.t("80 % of futures"), found.p10, found.p90),
        { type: "line", name: own.t("closing stock"), data: found.closing, itemStyle: { color: own.colour("c1") } },
        { type: "bar", name: own.t("arrives"), data: found.receipts, barMaxWidth: 26, itemStyle: { color: own.colour("c5") } },
        ...lines,
      ],
    });
  }

  if (node) {
    let first = true;
    const grid = own.grid("health", {
      sort: [{ column: "excess_value", dir: "desc" }], narrow: ["product_id", "site_id", "on_hand", "cover_days", "excess_value"],
      before: [{
        title: own.t("Ahead"), field: "ahead", headerSort: false, width: own.narrow ? 60 : 84, minWidth: 56,
        formatter: (cell) => {
          const button = own.make("button", { class: "quiet", type: "button" }, own.t("Show"));
          const row = cell.getData();
          button.setAttribute("aria-label", `${own.t("Show")} ${row.product_id} @ ${row.site_id}`);
          button.addEventListener("click", () => { bands(row); document.getElementById("bands-card").scrollIntoView({ block: "nearest" }); });
          return button;
        },
      }],
    });
    grid.on("dataProcessed", () => {
      const rows = grid.getData();
      if (first && rows.length) { first = false; bands(rows[0]); }
    });
  }
  const points = own.data("frontier-data") || [];
  if (points.length) {
    own.chart("frontier", {
      tooltip: { trigger: "item", renderMode: "richText", formatter: (one) => `${own.number(one.value[0], 0)}  ${own.percent(one.value[1], 1)}` },
      xAxis: { type: "value", name: own.t("money in stock"), nameLocation: "middle", nameGap: 28, scale: true, splitNumber: 3, axisLabel: { formatter: own.short } },
      yAxis: { type: "value", name: own.t("fill rate"), scale: true, axisLabel: { formatter: (value) => own.percent(value) } },
      grid: { left: 10, right: 24, top: 36, bottom: 34, containLabel: true },
      series: [{ type: "line", data: points.map((one) => ({ value: [one.value, one.fill], symbolSize: one.chosen ? 16 : 6, symbol: "circle", itemStyle: { color: own.colour(one.chosen ? "c2" : "c1") } })), lineStyle: { color: own.colour("c1") } }],
    });
  }
})();
