// The review queue. The next items lie ready, their pictures decoded: a decision shows the next one
// at once and is sent behind it, one request after the other. What the server refuses comes back
// with a sentence. Without this script everything works as plain forms.

import { closeDialogs, openDetail, setUpLook } from "./queue_look.js";

const queue = document.getElementById("queue");
const place = () => document.getElementById("queue-place");
const message = document.getElementById("queue-message");
const HEARTBEAT_MS = 60_000;

const ahead = []; // items that come next: { pk, node }
const outbox = []; // what is not sent yet: { url, body, back, why, isUndo }
let sending = null; // what is on its way
let isWaiting = false; // nothing to show until the server answers
let isBlocked = false; // an undo is on its way: keys mean an item that is not there yet
let seenMs = 0; // how long the present item was on a visible page
let seenSince = null;

// How many lie ready, for whoever watches the page.
const tellReady = () => (queue.dataset.ready = ahead.length);

const shown = () => place().querySelector("[data-item]");
const pkOf = (node) => node?.dataset.item;

// ── Time spent ──────────────────────────────────────────────────────────────────────────────
function countTime() {
  const now = performance.now();
  if (seenSince !== null) seenMs += now - seenSince;
  seenSince = document.hidden ? null : now;
}

// ── Showing ─────────────────────────────────────────────────────────────────────────────────
function say(text, isProblem = false) {
  message.textContent = text;
  message.classList.toggle("is-problem", isProblem);
}

function prepare({ pk, html }) {
  const holder = document.createElement("div");
  holder.innerHTML = html; // from our own server, where every value was escaped
  const node = holder.firstElementChild;
  const pictures = [...node.querySelectorAll(".photo img")];
  for (const picture of pictures) picture.decode().catch(() => {}); // it shows its alternative text
  return { pk: String(pk), node };
}

function show(node) {
  const hadDetail = place().querySelector(".detail")?.open;
  place().replaceChildren(node);
  closeDialogs();
  if (hadDetail) openDetail(queue);
  seenMs = 0;
  seenSince = null;
  countTime();
  isWaiting = false;
  queue.classList.remove("is-busy");
  place().querySelector("#question")?.focus({ preventScroll: true });
  if (window.scrollY > 0) window.scrollTo({ top: 0 });
}

function showNext() {
  const next = ahead.shift();
  if (next) show(next.node);
  else {
    isWaiting = true;
    queue.classList.add("is-busy");
  }
}

function comeBack(node, sentence) {
  const present = shown();
  if (present && !isWaiting && present !== node) ahead.unshift({ pk: pkOf(present), node: present });
  show(node);
  say(sentence, true);
}

// The figures move at once; the server's own come with its answer.
function countOne() {
  const step = (name, by) => {
    const figure = queue.querySelector(`[data-count=${name}]`);
    if (figure && /^\d+$/.test(figure.textContent)) figure.textContent = Number(figure.textContent) + by;
  };
  step("open", -1);
  step("decided", 1);
  queue.querySelector("[data-undo]").disabled = false;
}

// ── Sending ─────────────────────────────────────────────────────────────────────────────────
function send(url, body) {
  return fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
}

function csrfToken() {
  return queue.querySelector("[name=csrfmiddlewaretoken]").value;
}

function tokenOnly() {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", csrfToken());
  return body;
}

// What this page has: the server sends only what it lacks.
function withWhatIsHere(body) {
  const there = [shown(), sending?.back, ...outbox.map((entry) => entry.back)].filter(Boolean).map(pkOf);
  for (const pk of [...there, ...ahead.map((item) => item.pk)]) body.append("have", pk);
  if (!isWaiting && shown()) body.set("shown_item", pkOf(shown()));
  return body;
}

function post(url, body, { back = null, why = "", isUndo = false } = {}) {
  outbox.push({ url, body, back, why, isUndo });
  if (!sending) deliver();
}

// One request after the other, its answer taken in before the next: so each says truly what is here.
async function deliver() {
  while (outbox.length) {
    sending = outbox.shift();
    const { url, body, back, why, isUndo } = sending;
    const response = await send(url, withWhatIsHere(body)).catch(() => null);
    if (isUndo) isBlocked = false;
    await take(response, back, why);
  }
  sending = null;
}

async function take(response, back, why) {
  const isJson = response?.headers.get("Content-Type")?.includes("json");
  const answer = isJson ? await response.json() : null;
  if (answer?.items) {
    const have = new Set([pkOf(shown()), ...ahead.map((item) => item.pk), ...outbox.map((entry) => pkOf(entry.back))]);
    for (const item of answer.items) {
      if (item.pk === answer.show) undone(prepare(item));
      else if (isWaiting || !have.has(String(item.pk))) ahead.push(prepare(item));
    }
    tellReady();
    if (!outbox.length) document.getElementById("queue-bar").outerHTML = answer.bar;
    say(why || answer.message, Boolean(why) || !response.ok);
    if (isWaiting && ahead.length) showNext();
    else if (isWaiting && answer.empty && !outbox.length) {
      const holder = document.createElement("div");
      holder.innerHTML = answer.empty;
      show(holder.firstElementChild);
    }
    return;
  }
  const sentence = answer?.message ?? refusal(response);
  if (back) comeBack(back, sentence);
  else say(sentence, true);
}

function undone(item) {
  const present = shown();
  if (present && !isWaiting) ahead.unshift({ pk: pkOf(present), node: present });
  show(item.node);
}

function refusal(response) {
  if (!response) return "The server did not answer. Check the connection and try again.";
  if (response.redirected) return "You are logged out. Reload the page and log in again.";
  if (response.status === 403) return "This was refused. Reload the page and try again.";
  return `The server answered with an error (${response.status}). Try again, or reload the page.`;
}

// Sends what was decided of the shown item and goes on without waiting for the answer.
function finish(url, body, { decides = true } = {}) {
  const node = shown();
  if (!node || isWaiting || isBlocked) return; // a press is not meant for what is not there yet
  countTime();
  body.set("seconds", (seenMs / 1000).toFixed(2));
  if (decides) countOne();
  showNext();
  post(url, body, { back: node });
}

function undo(form) {
  if (isBlocked) return;
  isBlocked = true;
  post(form.action, new FormData(form), { isUndo: true });
}

queue.addEventListener("submit", (event) => {
  event.preventDefault();
  const { target: form, submitter } = event;
  if (submitter?.hasAttribute("data-undo")) undo(form);
  else finish(form.action, new FormData(form, submitter));
});

// ── Claims: kept while the page is seen, given back when it is left ─────────────────────────
async function keepClaim() {
  const node = shown();
  if (!node?.dataset.hold || document.hidden) return;
  const response = await send(node.dataset.hold, tokenOnly()).catch(() => null);
  const isLost = response?.status === 409; // no answer: the next beat tries again
  if (!isLost || shown() !== node || isWaiting) return;
  const { message: why } = await response.json();
  showNext();
  post(queue.dataset.ahead, tokenOnly(), { why });
}

setInterval(keepClaim, HEARTBEAT_MS);
document.addEventListener("visibilitychange", () => {
  countTime();
  keepClaim();
});
window.addEventListener("pagehide", () => {
  // Nothing that was decided is lost with the page.
  for (const { url, body } of outbox.splice(0)) navigator.sendBeacon(url, body);
  if (shown()?.dataset.hold || ahead.length) navigator.sendBeacon(queue.dataset.leave, tokenOnly());
});
window.addEventListener("pageshow", (event) => {
  // A page from the browser's memory shows an item that was given back.
  if (event.persisted) location.reload();
});

document.documentElement.classList.add("has-script");
setUpLook({ queue, finish, isIdle: () => !isWaiting && !isBlocked });
countTime();
if (shown()?.dataset.hold) post(queue.dataset.ahead, tokenOnly());
setTimeout(keepClaim, 1500); // a reload may have given back what it just fetched
