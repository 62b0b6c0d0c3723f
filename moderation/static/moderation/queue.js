// The review queue: keys press the page's own buttons; forms are sent in the background and the
// answer, the next item, is swapped in. Without this script everything works as plain forms.

const queue = document.getElementById("queue");
const message = document.getElementById("queue-message");
const zoom = document.getElementById("queue-zoom");
const HEARTBEAT_MS = 60_000;

let busy = false;
let seenMs = 0; // how long the present item was on a visible page
let seenSince = null;

const item = () => queue.querySelector("[data-item]");

// ── Time spent ──────────────────────────────────────────────────────────────────────────────
function countTime() {
  const now = performance.now();
  if (seenSince !== null) seenMs += now - seenSince;
  seenSince = document.hidden ? null : now;
}

// ── Sending and showing ─────────────────────────────────────────────────────────────────────
function say(text, isProblem = false) {
  message.textContent = text;
  message.classList.toggle("is-problem", isProblem);
}

function send(url, body) {
  return fetch(url, {
    method: body ? "POST" : "GET",
    body,
    headers: { Accept: "application/json" },
  });
}

async function take(response) {
  if (!response.headers.get("Content-Type")?.includes("json")) {
    say(refusal(response), true);
    return;
  }
  const answer = await response.json();
  say(answer.message, !response.ok);
  if (answer.html) show(answer.html);
}

async function request(url, body) {
  if (busy) return; // a second press is not meant for the item that comes next
  busy = true;
  queue.classList.add("is-busy");
  try {
    await take(await send(url, body));
  } catch {
    say("The server did not answer. Check the connection and try again.", true);
  } finally {
    busy = false;
    queue.classList.remove("is-busy");
  }
}

function refusal(response) {
  if (response.redirected) return "You are logged out. Reload the page and log in again.";
  if (response.status === 403) return "This was refused. Reload the page and try again.";
  return `The server answered with an error (${response.status}). Try again, or reload the page.`;
}

function show(html) {
  const hadDetail = queue.querySelector(".detail")?.open;
  queue.innerHTML = html; // from our own server, where every value was escaped
  zoom.close();
  if (hadDetail) openDetail();
  begin();
  queue.querySelector("#question")?.focus({ preventScroll: true });
  if (window.scrollY > 0) window.scrollTo({ top: 0 });
}

function begin() {
  seenMs = 0;
  seenSince = null;
  countTime();
  const following = item()?.dataset.following;
  if (following) new Image().src = following;
}

queue.addEventListener("submit", (event) => {
  event.preventDefault();
  const { target: form, submitter } = event;
  const seconds = form.querySelector("[name=seconds]");
  if (seconds) {
    countTime();
    seconds.disabled = false;
    seconds.value = (seenMs / 1000).toFixed(2);
  }
  const url = submitter?.hasAttribute("formaction") ? submitter.formAction : form.action;
  request(url, new FormData(form, submitter));
});

// ── Claim: kept while the page is seen, given back when it is left ──────────────────────────
function csrfToken() {
  return queue.querySelector("[name=csrfmiddlewaretoken]").value;
}

function tokenOnly() {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", csrfToken());
  return body;
}

async function keepClaim() {
  const url = item()?.dataset.hold;
  if (!url || document.hidden) return;
  const response = await send(url, tokenOnly()).catch(() => null); // the next beat tries again
  const isLost = response?.status === 409;
  if (isLost && !busy && item()?.dataset.hold === url) await take(response);
}

setInterval(keepClaim, HEARTBEAT_MS);
document.addEventListener("visibilitychange", () => {
  countTime();
  keepClaim();
});
window.addEventListener("pagehide", () => {
  if (item()?.dataset.hold) navigator.sendBeacon(queue.dataset.leave, tokenOnly());
});
window.addEventListener("pageshow", (event) => {
  // A page from the browser's memory shows an item that was given back.
  if (event.persisted) request(queue.dataset.next);
});

// ── Looking closer ──────────────────────────────────────────────────────────────────────────
function toggle(dialog) {
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

function toggleZoom() {
  const photo = queue.querySelector(".photo img");
  if (!photo) return;
  zoom.querySelector("img").src = photo.src;
  toggle(zoom);
  lookAt(0.5, 0.5);
}

// Scrolls the enlarged photo to a place given by fractions of the window.
function lookAt(across, down) {
  zoom.scrollTo(
    across * (zoom.scrollWidth - zoom.clientWidth),
    down * (zoom.scrollHeight - zoom.clientHeight),
  );
}

queue.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) toggle(document.getElementById(opener.dataset.open));
  if (event.target.closest("[data-zoom]") && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    toggleZoom();
  }
  if (event.target.closest("[data-again]")) {
    event.preventDefault();
    request(queue.dataset.next);
  }
});
zoom.addEventListener("click", () => zoom.close());
zoom.addEventListener("pointermove", (event) => {
  // A finger scrolls by itself; a mouse looks where it points.
  if (event.pointerType === "mouse") lookAt(event.clientX / innerWidth, event.clientY / innerHeight);
});

// ── Keys ────────────────────────────────────────────────────────────────────────────────────
const SIDES = { p: "image", t: "text", b: "both" };

function openDetail() {
  const detail = queue.querySelector(".detail");
  if (detail) detail.open = true;
  return detail;
}

function chooseSide(side) {
  const choice = openDetail()?.querySelector(`[name=wrong_side][value=${side}]`);
  if (choice) choice.checked = !choice.checked;
}

function press(key) {
  if (key === "z") toggleZoom();
  else if (key === "n") openDetail()?.querySelector("textarea").focus();
  else if (key in SIDES) chooseSide(SIDES[key]);
  else {
    const button = [...queue.querySelectorAll("button[data-key]")].find((candidate) =>
      candidate.dataset.key.split(" ").includes(key),
    );
    if (!button) return false;
    button.click();
  }
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("textarea, select, input:not([type=radio])")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key.toLowerCase();
  const dialog = document.querySelector("dialog[open]");
  if (dialog) {
    // An open picture or list takes only the key that closes it.
    if ((dialog === zoom && key === "z") || (dialog !== zoom && key === "?")) dialog.close();
    return;
  }
  if (press(key)) event.preventDefault();
});

document.documentElement.classList.add("has-script");
begin();
setTimeout(keepClaim, 1500); // a reload may have given back what it just fetched
