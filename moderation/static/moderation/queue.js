// The review queue. The next items lie ready, their pictures decoded: a decision shows the next one
// at once and is sent behind it, one request after the other. What the server refuses comes back
// with a sentence. Without this script everything works as plain forms.

import { closeDialogs, openDetail, setUpLook } from "./queue_look.js";

const queue = document.getElementById("queue");
const place = () => document.getElementById("queue-place");
const message = document.getElementById("queue-message");
const HEARTBEAT_MS = 60_000;
const ANSWER_MS = 30_000; // later than this, no answer will come
const RETRY_MS = 3_000;
const MESSAGE_MS = 6_000;
// Nobody judges a listing faster: the press was a bounce of the key, or meant for the one before.
const KEY_MS = 150;
const CLICK_MS = 400; // the second half of a double click

const ahead = []; // items that come next: { pk, node }
const outbox = []; // what is not sent yet: { url, body, back, decides, why, isUndo }
let sending = null; // what is on its way
let isWaiting = false; // nothing to show until the server answers
let isBlocked = false; // an undo is on its way: keys mean an item that is not there yet
const done = []; // keys of items done on this page, the newest last: what an undo means
let shownAt = -Infinity;
let clicks = 0; // in a row, of a mouse or a finger; none for a key
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
let fading = null;

// Good news goes by itself; a problem stays until something else is said.
function say(text, isProblem = false) {
  clearTimeout(fading);
  message.textContent = text;
  message.classList.toggle("is-problem", isProblem);
  if (!isProblem) fading = setTimeout(() => (message.textContent = ""), MESSAGE_MS);
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
  shownAt = performance.now();
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

// What could not be sent is next again; what is being looked at stays, or a press would miss it.
function comeBack(node, sentence, { decides }) {
  if (forget(pkOf(node)) && decides) count(-1);
  ahead.unshift({ pk: pkOf(node), node });
  if (isWaiting || !shown()) showNext();
  else sentence += " The listing comes back after this one.";
  tellReady();
  say(sentence, true);
}

function forget(pk) {
  const place = done.lastIndexOf(pk);
  if (place >= 0) done.splice(place, 1);
  return place >= 0;
}

// The figures move at once; the server's own come with its answer.
function count(by) {
  const step = (name, change) => {
    const figure = queue.querySelector(`[data-count=${name}]`);
    if (figure && /^\d+$/.test(figure.textContent)) figure.textContent = Number(figure.textContent) + change;
  };
  step("open", -by);
  step("decided", by);
}

// ── Sending ─────────────────────────────────────────────────────────────────────────────────
function send(url, body) {
  return fetch(url, {
    method: "POST",
    body,
    headers: { Accept: "application/json" },
    keepalive: true, // it arrives though the page is left
    signal: AbortSignal.timeout(ANSWER_MS),
  });
}

// The response with what it says; an answer that broke off is none.
async function answerOf(url, body) {
  try {
    const response = await send(url, body);
    const isJson = response.headers.get("Content-Type")?.includes("json");
    return { response, answer: isJson ? await response.json() : null };
  } catch {
    return { response: null, answer: null };
  }
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
  const looked = isWaiting ? null : shown();
  const there = [looked, sending?.back, ...outbox.map((entry) => entry.back)].filter(Boolean).map(pkOf);
  for (const pk of [...there, ...ahead.map((item) => item.pk)]) body.append("have", pk);
  if (looked) body.set("shown_item", pkOf(looked));
  return body;
}

function post(url, body, { back = null, decides = false, why = "", isUndo = false } = {}) {
  outbox.push({ url, body, back, decides, why, isUndo });
  if (!sending) deliver();
}

// One request after the other, its answer taken in before the next: so each says truly what is here.
async function deliver() {
  while (outbox.length) {
    const next = outbox.shift();
    sending = null; // its own item is gone from here: a lead may be given what they skipped again
    const body = withWhatIsHere(next.body);
    sending = next;
    const { response, answer } = await answerOf(next.url, body);
    take(response, answer, next);
    if (next.isUndo) isBlocked = false;
  }
  sending = null;
}

function take(response, answer, { back, decides, why, isUndo }) {
  if (answer?.items) {
    // What came too late is no act of one's own, and what an undo misses is not known here.
    if (isUndo && !response.ok) done.length = 0;
    else if (isUndo || !response.ok) forget(isUndo ? String(answer.show) : pkOf(back));
    takeIn(answer);
    if (why || answer.message) say(why || answer.message, Boolean(why) || !response.ok);
    return;
  }
  const sentence = answer?.message ?? refusal(response);
  if (back) {
    comeBack(back, sentence, { decides });
    return;
  }
  say(sentence, true);
  // Nothing is there to look at: ask again, as the person would.
  if (isWaiting && !outbox.length) setTimeout(askAhead, RETRY_MS);
}

function takeIn(answer) {
  const have = new Set([
    isWaiting ? null : pkOf(shown()),
    ...ahead.map((item) => item.pk),
    ...outbox.map((entry) => pkOf(entry.back)),
  ]);
  for (const item of answer.items) {
    if (item.pk === answer.show) undone(prepare(item));
    else if (!have.has(String(item.pk))) ahead.push(prepare(item));
  }
  tellReady();
  if (!outbox.length) document.getElementById("queue-bar").outerHTML = answer.bar;
  if ((isWaiting || !shown()) && ahead.length) showNext();
  else if (isWaiting && !outbox.length) showEmpty(answer);
}

// Without a word on why there is nothing, what was meant to come is in no hand just now.
function showEmpty({ empty }) {
  if (!empty) {
    setTimeout(askAhead, RETRY_MS);
    return;
  }
  const holder = document.createElement("div");
  holder.innerHTML = empty;
  show(holder.firstElementChild);
}

function askAhead() {
  post(queue.dataset.ahead, tokenOnly());
}

function undone(item) {
  const place = ahead.findIndex((other) => other.pk === item.pk);
  if (place >= 0) ahead.splice(place, 1); // it may have come round again before it was taken back
  const present = isWaiting ? null : shown();
  if (present && pkOf(present) !== item.pk) ahead.unshift({ pk: pkOf(present), node: present });
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
  // On a slow page the halves of a double click come later than it says; their number does not lie.
  if (clicks > 1 || performance.now() - shownAt < (clicks ? CLICK_MS : KEY_MS)) return;
  countTime();
  body.set("seconds", (seenMs / 1000).toFixed(2));
  if (decides) count(1);
  done.push(pkOf(node));
  queue.querySelector("[data-undo]").disabled = false;
  // Similar items that were decided with it do not come any more.
  const gone = new Set(body.getAll("also"));
  ahead.splice(0, ahead.length, ...ahead.filter((item) => !gone.has(item.pk)));
  showNext();
  post(url, body, { back: node, decides });
}

function undo(form) {
  if (isBlocked) return;
  isBlocked = true;
  const body = new FormData(form);
  if (done.length) body.set("item", done.at(-1));
  post(form.action, body, { isUndo: true });
}

queue.addEventListener("submit", (event) => {
  event.preventDefault();
  const { target: form, submitter } = event;
  if (submitter?.hasAttribute("data-undo")) undo(form);
  else finish(form.action, new FormData(form, submitter));
});
// A key presses a button too; only a mouse or a finger counts its clicks.
document.addEventListener("click", (event) => (clicks = event.detail), true);

// ── Claims: kept while the page is seen, given back when it is left ─────────────────────────
async function keepClaim() {
  const node = shown();
  if (!node?.dataset.hold || document.hidden) return;
  const { response, answer } = await answerOf(node.dataset.hold, withWhatIsHere(tokenOnly()));
  const isLost = response?.status === 409; // no answer: the next heartbeat tries again
  if (!isLost || shown() !== node || isWaiting) return;
  showNext();
  post(queue.dataset.ahead, tokenOnly(), { why: answer?.message ?? "" });
}

setInterval(keepClaim, HEARTBEAT_MS);
document.addEventListener("visibilitychange", () => {
  countTime();
  keepClaim();
});
window.addEventListener("pagehide", () => {
  // Nothing that was done is lost with the page; what was done and undone never leaves it.
  const unsent = outbox.splice(0);
  const taken = new Set(unsent.filter((entry) => entry.isUndo).map((entry) => entry.body.get("item")));
  for (const { url, body, back, isUndo } of unsent) {
    const pair = isUndo ? body.get("item") : pkOf(back);
    if (taken.has(pair) && unsent.some((entry) => !entry.isUndo && pkOf(entry.back) === pair)) continue;
    body.set("leaving", "1");
    navigator.sendBeacon(url, body);
  }
  if (shown()?.dataset.hold || ahead.length) navigator.sendBeacon(queue.dataset.leave, tokenOnly());
});
window.addEventListener("pageshow", (event) => {
  // A page from the browser's memory shows an item that was given back.
  if (event.persisted) location.reload();
});

document.documentElement.classList.add("has-script");
setUpLook({ queue, finish, isIdle: () => !isWaiting && !isBlocked });
countTime();
if (shown()?.dataset.hold) askAhead();
setTimeout(keepClaim, 1500); // a reload may have given back what it just fetched
