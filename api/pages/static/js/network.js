"use strict";
(async function () {
  const own = window.holdfast;
  const { places, layers } = own.data("drawing");
  const map = await own.map("map");
  const choice = document.getElementById("layer");
  const fill = (place) => (place.kind === "zone" ? "c3" : place.kind === "supplier" ? "c2" : place.status === "closed" ? "soft" : "c1");
  const drawn = L.layerGroup().addTo(map);

  function draw() {
    drawn.clearLayers();
    const name = choice ? choice.value : "";
    const edges = (layers[name] || []).filter((edge) => places[edge.from] && places[edge.to]);
    const most = Math.max(1, ...edges.map((edge) => edge.qty));
    const used = new Set();
    for (const edge of edges) {
      used.add(edge.from).add(edge.to);
      const ends = [edge.from, edge.to].map((id) => [places[id].lat, places[id].lon]);
      L.polyline(ends, { weight: 1 + 9 * Math.sqrt(edge.qty / most), color: own.colour("c1"), opacity: 0.5 })
        .bindTooltip(own.plain(`${places[edge.from].name} → ${places[edge.to].name}${own.t(": ")}${own.number(edge.qty)}`)).addTo(drawn);
    }
    const shown = Object.entries(places).filter(([id, place]) => place.kind === "site" || used.has(id));
    const colours = new Set();
    for (const [id, place] of shown) {
      const title = `${place.name} (${id})` + (place.status ? own.t(": ") + own.word(place.status) : "") +
        (place.utilisation === undefined || place.utilisation === null ? "" : own.t(", ") + own.percent(place.utilisation));
      colours.add(fill(place));
      own.dot(drawn, Object.assign({}, place, { title }), { radius: place.kind === "site" ? 8 : 5, fillColor: own.colour(fill(place)) });
    }
    for (const table of document.querySelectorAll("[data-layer]")) table.hidden = table.dataset.layer !== name;
    for (const key of document.querySelectorAll("[data-colour]")) key.hidden = !colours.has(key.dataset.colour);
    own.fit(map, shown.map(([, place]) => [place.lat, place.lon]));
    const names = shown.map(([, place]) => place);
    own.names(map, drawn, names.filter((place) => place.kind === "site").concat(names.filter((place) => place.kind !== "site")));
  }
  if (choice) choice.addEventListener("change", draw);
  draw();
})();
