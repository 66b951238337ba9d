// Follows the events of a run and shows them; reloads once when the run has ended.
"use strict";
const list = document.getElementById("events");
if (list.dataset.ended !== "True") {
  const source = new EventSource(`/v1/runs/${list.dataset.run}/events?after=${list.dataset.last}`);
  const show = (event, text) => {
    const item = document.createElement("li");
    item.textContent = `${new Date(JSON.parse(event.data).at).toLocaleTimeString()} ${event.type} ${text}`;
    list.append(item);
  };
  source.addEventListener("progress", (event) => {
    const data = JSON.parse(event.data);
    document.getElementById("share").value = data.share;
    document.getElementById("stage").textContent = `${data.stage} ${data.message}`;
    show(event, `${data.stage} ${data.message}`);
  });
  source.addEventListener("state", (event) => {
    const state = document.getElementById("state");
    state.textContent = JSON.parse(event.data).state;
    state.className = `state ${state.textContent}`;
    show(event, state.textContent);
  });
  source.addEventListener("warning", (event) => show(event, JSON.parse(event.data).message));
  source.addEventListener("done", () => { source.close(); location.reload(); });
}
