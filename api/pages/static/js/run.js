"use strict";
// follows the events of a run; shows its plan once when it has ended
(function () {
  const own = window.holdfast;
  const log = document.getElementById("events");
  const stages = document.getElementById("stages");
  const incumbents = own.data("incumbents");
  const began = new Date(log.dataset.began);

  function draw() {
    if (incumbents.length < 2) return;
    document.getElementById("curve-card").hidden = false;
    // each part of a stage, as a depot's day, has a curve of its own
    const nameOf = (one) => (own.word(one.stage) + " " + one.part).trim();
    const names = [...new Set(incumbents.map(nameOf))];
    own.chart("curve", {
      legend: { data: names },
      xAxis: { type: "value", name: "s", scale: true },
      yAxis: { type: "value", scale: true },
      series: names.map((name) => ({
        name, type: "line", step: "end", symbolSize: 5,
        data: incumbents.filter((one) => nameOf(one) === name).map((one) => [one.seconds, one.cost]),
      })),
    });
  }

  const moment = (at) => new Date(/Z|[+]/.test(at) ? at : at + "Z");
  const clock = (at) => moment(at).toLocaleTimeString("en-GB");
  for (const node of log.querySelectorAll("time")) node.textContent = clock(node.dateTime);
  // the line stands at once, in its place; its words follow in the page's language
  function note(data, before, text) {
    const words = document.createTextNode(`${before} ${text}`);
    log.append(own.make("li", {}, own.make("time", {}, clock(data.at)), words));
    log.scrollTop = log.scrollHeight;
    own.said(text ? [text] : []).then(([said]) => { if (said) words.textContent = `${before} ${said}`; });
  }

  function progress(data) {
    const share = document.getElementById("share");
    if (share) share.value = data.share;
    let row = stages.querySelector(`[data-stage="${CSS.escape(data.stage)}"]`);
    if (!row) {
      row = own.make("li", { "data-stage": data.stage }, own.make("strong", {}, own.word(data.stage)), own.make("span", {}),
        own.make("progress", { max: "1", value: "0", "aria-label": own.word(data.stage) }));
      stages.append(row);
      const none = document.getElementById("no-stages");
      if (none) none.remove();
    }
    const told = row.children[1];
    told.textContent = told.dataset.said = data.message;
    own.said([data.message]).then(([said]) => { if (told.dataset.said === data.message) told.textContent = said; });
    row.children[2].value = data.share;
  }

  function incumbent(data) {
    incumbents.push({ stage: data.stage, part: data.part, seconds: (moment(data.at) - began) / 1000, cost: data.cost });
    draw();
  }

  draw();
  log.scrollTop = log.scrollHeight;
  if (log.dataset.ended === "yes") return;
  const source = new EventSource(`/v1/runs/${log.dataset.run}/events?after=${log.dataset.last}`);
  const read = (kind, act) => source.addEventListener(kind, (event) => act(JSON.parse(event.data)));
  read("progress", (data) => { progress(data); note(data, own.word(data.stage), data.message); });
  read("incumbent", incumbent);
  read("state", (data) => {
    document.getElementById("state").replaceChildren(own.make("span", { class: "chip " + data.state }, own.word(data.state)));
    note(data, own.word(data.state), data.reason || "");
  });
  read("warning", (data) => note(data, own.word("warning"), data.message));
  read("done", () => { source.close(); window.location.reload(); });
})();
