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
    map.setView([30, 100], 3);
    if (node.dataset.tiles) L.tileLayer(node.dataset.tiles, { maxZoom: 19 }).addTo(map);
    const answer = await fetch("/static/vendor/world-atlas/countries-110m.json");
    L.polyline(outlines(await answer.json()), { color: own.colour("edge"), weight: 1, opacity: 0.75, interactive: false, smoothFactor: 0.5 }).addTo(map);
    map.attributionControl.addAttribution(own.t("Outlines: Natural Earth"));
    return map;
  };

  own.dot = function (map, place, told) {
    const dot = L.circleMarker([place.lat, place.lon], Object.assign({ radius: 7, weight: 2, fillOpacity: 0.9, color: own.colour("card"), fillColor: own.colour("c1") }, told));
    dot.bindTooltip(place.title || place.name);
    return dot.addTo(map);
  };
  own.fit = function (map, points) {
    if (points.length) map.fitBounds(L.latLngBounds(points).pad(0.15), { maxZoom: 12, animate: false });
  };
})();
