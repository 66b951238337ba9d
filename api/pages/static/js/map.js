"use strict";
// maps with country outlines of our own (Natural Earth); tiles only where the service names a source
(function () {
  const own = window.holdfast;

  // arcs of a TopoJSON file as lines of [lat, lon]; lines that cross the date line are cut there
  function outlines(world) {
    const [sx, sy] = world.transform.scale, [tx, ty] = world.transform.translate;
    const lines = [];
    for (const arc of world.arcs) {
      let x = 0, y = 0, line = [];
      for (const [dx, dy] of arc) {
        x += dx; y += dy;
        const point = [y * sy + ty, x * sx + tx];
        if (line.length && Math.abs(point[1] - line[line.length - 1][1]) > 180) { lines.push(line); line = []; }
        line.push(point);
      }
      lines.push(line);
    }
    return lines;
  }

  own.map = async function (id) {
    const node = document.getElementById(id);
    const map = L.map(node, { preferCanvas: true, zoomSnap: 0.25, minZoom: 1, worldCopyJump: true });
    map.attributionControl.setPrefix(false);
    map.zoomControl.options.zoomInTitle = own.t("Zoom in");
    for (const [name, text] of [["in", "Zoom in"], ["out", "Zoom out"]]) {
      const control = node.querySelector(".leaflet-control-zoom-" + name);
      control.title = own.t(text);
      control.setAttribute("aria-label", own.t(text));
    }
    L.control.scale({ imperial: false }).addTo(map);
    map.setView([30, 100], 3);
    if (node.dataset.tiles) L.tileLayer(node.dataset.tiles, { maxZoom: 19 }).addTo(map);
    const answer = await fetch("/static/vendor/world-atlas/countries-110m.json");
    L.polyline(outlines(await answer.json()), { color: own.colour("edge"), weight: 1, opacity: 0.75, interactive: false, smoothFactor: 0.5 }).addTo(map);
    map.attributionControl.addAttribution(own.t("Outlines: Natural Earth"));
    return map;
  };

  own.dot = function (map, place, told) {
    const dot = L.circleMarker([place.lat, place.lon], Object.assign({ radius: 7, weight: 2, fillOpacity: 0.9, color: own.colour("card"), fillColor: own.colour("c1") }, told));
    dot.bindTooltip(own.plain(place.title || place.name));
    return dot.addTo(map);
  };
  // Leaflet takes strings for HTML; names are text
  own.plain = (text) => own.make("span", {}, text);
  // names beside their dots, where no other name is
  own.names = function (map, layer, places) {
    const taken = [], size = map.getSize();
    for (const place of places) {
      const at = map.latLngToContainerPoint([place.lat, place.lon]);
      const wide = [...place.name].reduce((sum, sign) => sum + (sign > "\u2e80" ? 13 : 7), 6);
      const ways = { right: [at.x + 9, at.y - 9], left: [at.x - 9 - wide, at.y - 9], bottom: [at.x - wide / 2, at.y + 9], top: [at.x - wide / 2, at.y - 27] };
      const free = Object.entries(ways).find(([, [x, y]]) => x > 0 && x + wide < size.x && taken.every(([a, b, w]) => x > a + w || a > x + wide || Math.abs(y - b) > 17));
      if (!free) continue;
      taken.push([...free[1], wide]);
      const offset = { right: [9, 0], left: [-9, 0], bottom: [0, 8], top: [0, -8] }[free[0]];
      L.tooltip({ permanent: true, direction: free[0], offset, className: "place" }).setLatLng([place.lat, place.lon]).setContent(own.plain(place.name)).addTo(layer);
    }
  };
  own.fit = function (map, points) {
    if (points.length) map.fitBounds(L.latLngBounds(points).pad(0.15), { maxZoom: 15, animate: false });
  };
})();
