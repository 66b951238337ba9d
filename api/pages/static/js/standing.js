"use strict";
// approving and publishing: on the page of a plan's orders, and where nights are held
(function () {
  const own = window.holdfast;
  for (const button of document.querySelectorAll("[data-act]")) {
    button.addEventListener("click", async () => {
      const place = button.closest("[data-plan]");
      const field = place.querySelector(".override");
      const reason = field ? field.value.trim() : "";
      try {
        await own.call("POST", `/v1/plans/${place.dataset.plan}:${button.dataset.act}`, { overrides: reason ? [{ gate: "*", reason }] : [] });
        window.location.reload();
      } catch (error) {
        const found = (error.problem && error.problem.errors) || [];
        place.querySelector(".wrong").textContent = [error.message, ...found.slice(0, 5).map((one) => one.hint)].join(" · ");
      }
    });
  }
})();
