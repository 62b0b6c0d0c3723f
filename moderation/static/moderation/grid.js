// The grid: keys mark listings, and what the page holds is kept while it is seen and given back
// when it is left. Without this script everything works as a plain form.

import { keysOf } from "./keys.js";

const grid = document.getElementById("grid");
const HEARTBEAT_MS = 60_000;
const LOOK_MS = 1500; // nobody has looked at twelve listings sooner: a key pressed twice decides once

let stays = false; // going on within the grid: what comes next must not be given back
let opensAt = 0; // until then nothing is decided

function token() {
  const body = new FormData();
  for (const name of ["csrfmiddlewaretoken", "batch"]) body.set(name, grid.elements[name].value);
  return body;
}

function keepClaims() {
  if (!document.hidden) fetch(grid.dataset.hold, { method: "POST", body: token() }).catch(() => {});
}

function pause() {
  const button = grid.querySelector("[data-decide]");
  opensAt = performance.now() + LOOK_MS;
  button.disabled = true;
  setTimeout(() => (button.disabled = performance.now() < opensAt), LOOK_MS + 20);
}

function send(event) {
  if (performance.now() < opensAt) event.preventDefault();
  else pause();
}

function count() {
  const marked = grid.querySelectorAll("[name=mismatch]:checked").length;
  grid.querySelector("[data-count]").textContent =
    marked === 0 ? "No mismatch marked" : `${marked} mismatch${marked === 1 ? "" : "es"} marked`;
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("select, a, button, summary")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (keysOf(event).some(isHeard)) event.preventDefault();
}

function isHeard(key) {
  if (key === "enter") grid.requestSubmit();
  else if (key === "r") grid.querySelector("[data-reason]").focus();
  else {
    const box = grid.querySelector(`[name=mismatch][data-key="${CSS.escape(key)}"]`);
    box?.click();
    box?.focus();
    return Boolean(box);
  }
  return true;
}

function goesOn(event) {
  if (!event.defaultPrevented && event.target.closest("[data-stays]")) stays = true;
}

document.documentElement.classList.add("has-script");
if (grid) {
  document.addEventListener("keydown", press);
  grid.addEventListener("change", count);
  grid.addEventListener("submit", send); // before `goesOn`, which is asked further out
  document.addEventListener("submit", goesOn);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-stays]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) stays = true;
  });
  window.addEventListener("pagehide", () => {
    if (!stays) navigator.sendBeacon(grid.dataset.leave, token());
  });
  window.addEventListener("pageshow", (event) => {
    // A page from the browser's memory shows items that were decided or given back.
    if (event.persisted) location.reload();
  });
  setInterval(keepClaims, HEARTBEAT_MS);
  document.addEventListener("visibilitychange", keepClaims);
  setTimeout(keepClaims, 1500); // a reload may have given back what it just fetched
  count();
  pause();
}
