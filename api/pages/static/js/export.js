"use strict";
// files of what a grid shows: with its filter
(function () {
  for (const link of document.querySelectorAll("a[data-export]")) {
    const plain = link.getAttribute("href");
    link.addEventListener("click", () => {
      const grid = window.holdfast.grids[link.dataset.export];
      const filter = grid ? grid.filterText() : "";
      link.setAttribute("href", filter ? plain + "&filter=" + encodeURIComponent(filter) : plain);
    });
  }
})();
