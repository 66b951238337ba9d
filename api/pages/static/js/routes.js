"use strict";
(async function () {
  const own = window.holdfast;
  const { depot, routes } = own.data("drawing");
  const pair = document.querySelector("[data-pair]");
  pair.addEventListener("change", () => {
    const [site, day] = pair.value.split("|");
    window.location.search = new URLSearchParams({ depot: site, day }).toString();
  });
  const palette = ["c1", "c2", "c3", "c4", "c5", "c6"].map(own.colour);
  const colour = (at) => palette[at % palette.length];
  const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(Math.round(minute) % 60).padStart(2, "0")}`;
  const plan = document.getElementById("map").dataset.plan;
  const may = document.getElementById("map").dataset.may === "yes";
  const lines = {};

  // a stop onto another van: the cost is reckoned, the plan stays
  function move(stop, to, spot) {
    own.whatIf(plan, { kind: "stop", order_id: stop.order, action: "onto", route_id: to }, spot);
  }
  function onto(route, stop, chosen) {
    const others = routes.filter((other) => other.id !== route.id);
    if (!may || !others.length) return [];
    const spot = own.make("div", { "aria-live": "polite", id: "moved" });
    const select = own.make("select", { id: "onto" }, ...others.map((other) => own.make("option", { value: other.id }, `${other.id.split("/").pop()} ${other.van}`)));
    if (chosen) select.value = chosen;
    const button = own.make("button", { type: "button", class: "plain" }, own.t("See what it would cost"));
    button.addEventListener("click", () => move(stop, select.value, spot));
    if (chosen) move(stop, chosen, spot);
    return [own.make("h3", {}, own.t("What if another van took it?")), own.make("div", { class: "bar" },
      own.make("div", {}, own.make("label", { for: "onto" }, own.t("Van")), select), button), spot];
  }
  function drag(mark, route, stop, open) {
    let from = null, lane = null;
    mark.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; mark.setPointerCapture(event.pointerId); });
    mark.addEventListener("pointermove", (event) => {
      if (!from || !may) return;
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      if (Math.hypot(dx, dy) < 6) return;
      const scale = mark.ownerSVGElement.viewBox.baseVal.width / mark.ownerSVGElement.clientWidth;
      mark.setAttribute("transform", `translate(${dx * scale} ${dy * scale})`);
      if (lane) lane.classList.remove("over");
      lane = document.elementsFromPoint(event.clientX, event.clientY).map((node) => node.closest("[data-lane]")).find((node) => node && node.dataset.lane !== route.id) || null;
      if (lane) lane.classList.add("over");
    });
    const end = () => {
      const moved = mark.hasAttribute("transform"), to = lane;
      mark.removeAttribute("transform");
      if (lane) lane.classList.remove("over");
      const began = from;
      from = null; lane = null;
      if (to) own.why(plan, `stops:${route.id}/${stop.seq}`, () => onto(route, stop, to.dataset.lane));
      else if (began && !moved) open();
    };
    mark.addEventListener("pointerup", end);
    mark.addEventListener("pointercancel", () => { mark.removeAttribute("transform"); if (lane) lane.classList.remove("over"); from = null; lane = null; });
  }

  // one line of time for each van
  function timeline() {
    const spot = document.getElementById("timeline");
    const W = 1180, left = 120, high = 26;
    const first = Math.floor(Math.min(...routes.map((route) => route.start)) / 60) * 60;
    const last = Math.ceil(Math.max(...routes.map((route) => route.end)) / 60) * 60;
    const x = (minute) => left + ((W - left - 10) * (minute - first)) / Math.max(60, last - first);
    const svg = (name, told, text) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(told)) node.setAttribute(key, value);
      if (text) node.textContent = text;
      return node;
    };
    const H = 24 + high * routes.length;
    const all = svg("svg", { class: "timeline", viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": own.t("The day of each van") });
    const step = last - first > 720 ? 120 : 60;
    for (let at = first; at <= last; at += step) {
      all.append(svg("line", { class: "tick", x1: x(at), x2: x(at), y1: 16, y2: H }), svg("text", { x: x(at), y: 11, "text-anchor": x(at) > W - 24 ? "end" : "middle" }, clock(at)));
    }
    routes.forEach((route, at) => {
      const top = 22 + high * at;
      const row = svg("g", { "data-lane": route.id });
      row.append(svg("rect", { class: "lane", x: 0, y: top - 3, width: W, height: high }));
      row.append(svg("text", { x: 0, y: top + 13 }, `${route.id.split("/").pop()} ${route.van}`.slice(0, 18)));
      row.append(svg("rect", { class: "drive", x: x(route.start), y: top + 6, width: Math.max(1, x(route.end) - x(route.start)), height: 6 }));
      for (const stop of route.stops) {
        if (stop.kind === "end") continue;
        const mark = svg("rect", { class: "stop " + stop.kind, x: x(stop.begin), y: top + 1, width: Math.max(4, x(stop.depart) - x(stop.begin)), height: 16, rx: 2, "data-route": route.id, "data-seq": stop.seq });
        mark.style.fill = stop.kind === "delivery" || stop.kind === "pickup" ? colour(at) : "";
        const title = `${stop.seq}. ${own.word(stop.kind)} ${stop.order} ${clock(stop.begin)}–${clock(stop.depart)}`;
        mark.append(svg("title", {}, title));
        if (stop.order) {
          mark.setAttribute("tabindex", "0");
          mark.setAttribute("role", "button");
          mark.setAttribute("aria-label", title);
          const open = () => own.why(plan, `stops:${route.id}/${stop.seq}`, () => onto(route, stop));
          drag(mark, route, stop, open);
          mark.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } });
        }
        row.append(mark);
      }
      all.append(row);
    });
    spot.append(all);
  }

  if (!routes.length) return;
  timeline();
  const map = await own.map("map");
  const points = [];
  routes.forEach((route, at) => {
    const way = route.stops.filter((stop) => stop.lat !== null && stop.lon !== null).map((stop) => [stop.lat, stop.lon]);
    if (depot) way.unshift([depot.lat, depot.lon]);
    points.push(...way);
    lines[route.id] = L.polyline(way, { color: colour(at), weight: 3, opacity: 0.75 }).bindTooltip(own.plain(`${route.id} ${route.van}`)).addTo(map);
    for (const stop of route.stops) {
      if (stop.lat === null || !stop.order) continue;
      own.dot(map, { lat: stop.lat, lon: stop.lon, title: `${stop.seq}. ${stop.order} ${clock(stop.begin)}` }, { radius: 5, weight: 1, fillColor: colour(at) });
    }
  });
  if (depot) own.dot(map, { lat: depot.lat, lon: depot.lon, title: depot.name }, { radius: 9, fillColor: own.colour("ink") });
  own.fit(map, points);
  for (const button of document.querySelectorAll("button[data-route]")) {
    button.addEventListener("click", () => {
      for (const [id, line] of Object.entries(lines)) line.setStyle({ weight: id === button.dataset.route ? 6 : 2, opacity: id === button.dataset.route ? 1 : 0.3 });
      const line = lines[button.dataset.route];
      line.bringToFront();
      own.fit(map, line.getLatLngs());
    });
  }
})();
