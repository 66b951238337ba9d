"use strict";
// what all pages share: words, numbers, messages, dialogs, calls of the service
(function () {
  const own = window.holdfast;
  const missing = new Set();
  own.missing = missing;
  own.t = function (text, values) {
    let found = text;
    if (own.language !== "en") {
      found = own.words[text];
      if (found === undefined) { missing.add(text); found = "⟦" + text + "⟧"; }
    }
    return found.replace(/\{(\w+)\}/g, (all, name) => (values && name in values ? values[name] : all));
  };
  own.number = function (value, digits) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    const size = Math.abs(value);
    let most = digits;
    if (most === undefined) most = Number.isInteger(value) || size >= 1000 ? 0 : size >= 0.1 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(size)));
    return value.toLocaleString("en-US", { minimumFractionDigits: most, maximumFractionDigits: most });
  };
  own.narrow = window.matchMedia("(max-width: 40rem)").matches;
  own.percent = (share, digits) => (share === null || share === undefined ? "–" : (100 * share).toFixed(digits || 0) + (own.language === "en" ? " %" : "%"));
  // few characters for axes: 1.2M in English, 120万 in Chinese
  own.short = (value) => new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumFractionDigits: 2 }).format(value);
  own.word = function (name) {
    const plain = String(name === null || name === undefined ? "" : name).replace(/_/g, " ");
    return own.language === "en" ? plain.replace(/\bco2(e?)\b/g, "CO2$1").replace(/^cost ([a-z]+)$/, "$1 cost") : own.words[plain] || String(name);
  };
  // what the service wrote in English, as the page's language has it
  own.said = async function (texts) {
    if (own.language === "en" || !texts.length) return texts;
    const answer = await fetch("/words/said", {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ texts }),
    });
    return answer.ok ? (await answer.json()).texts : texts;
  };
  own.data = function (id) {
    const node = document.getElementById(id);
    return node ? JSON.parse(node.textContent) : null;
  };
  own.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  own.tell = function (text) {
    const told = document.getElementById("told");
    told.textContent = text;
    clearTimeout(own.timer);
    own.timer = setTimeout(() => (told.textContent = ""), 8000);
  };
  own.call = async function (method, url, body) {
    const answer = await fetch(url, {
      method, credentials: "same-origin",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    const read = text ? JSON.parse(text) : {};
    if (!answer.ok) {
      const [told] = await own.said([read.detail || answer.statusText]);
      const error = new Error(told);
      error.problem = read;
      throw error;
    }
    return read;
  };
  own.make = function (name, told, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(told || {})) {
      if (key === "class") node.className = value; else node.setAttribute(key, value);
    }
    for (const child of children) node.append(child);
    return node;
  };
  // times of the service are UTC; people read them by their own clock
  for (const node of document.querySelectorAll("time[data-local]")) {
    const at = new Date(node.getAttribute("datetime"));
    const tag = document.documentElement.lang;
    node.title = node.textContent;
    node.textContent = new Intl.DateTimeFormat(tag === "en" ? "en-GB" : tag, { dateStyle: "medium", timeStyle: "short" }).format(at);
  }
  // Tab stops at a wide part only where there is something to scroll
  const widths = new ResizeObserver((seen) => {
    for (const { target } of seen) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0; else target.removeAttribute("tabindex");
    }
  });
  for (const node of document.querySelectorAll(".wide")) widths.observe(node);
  const tab = document.querySelector(".tabs [aria-current]");
  if (tab && own.narrow) tab.scrollIntoView({ block: "nearest", inline: "center" });
  for (const form of document.querySelectorAll("form[data-confirm]")) {
    form.addEventListener("submit", (event) => {
      if (!window.confirm(form.dataset.confirm)) event.preventDefault();
    });
  }
  for (const input of document.querySelectorAll("select[data-go]")) {
    input.addEventListener("change", () => input.form.submit());
  }
  for (const drop of document.querySelectorAll(".drop")) {
    const input = drop.querySelector("input[type=file]");
    for (const kind of ["dragover", "dragenter"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      input.form.requestSubmit();
    });
  }
})();
