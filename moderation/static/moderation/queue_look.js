// What hands do in the queue: keys press the page's own buttons, the photo is enlarged, a finger
// swipes it, small windows ask why an item is skipped. Each element names its key in `data-key`.

import { keysOf } from "./keys.js";

const zoom = document.getElementById("queue-zoom");
const help = document.getElementById("queue-help");
const skipping = document.getElementById("queue-skip");
const escalating = document.getElementById("queue-escalate");
const SWIPE_PX = 90;

export function openDetail(queue) {
  const detail = queue.querySelector(".detail");
  if (detail) detail.open = true;
  return detail;
}

export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

function toggle(dialog) {
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

function toggleZoom(queue) {
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

export function setUpLook({ queue, finish, isIdle }) {
  const form = () => queue.querySelector("form.answers");

  // ── Skip and escalate ─────────────────────────────────────────────────────────────────────
  function goTo(choose, name, value) {
    const button = queue.querySelector(`[data-choose=${choose}]`);
    closeDialogs();
    if (!button || !isIdle()) return;
    const body = new FormData(form());
    body.set(name, value);
    finish(button.formAction, body, { decides: false });
  }
  const skip = (button) => goTo("queue-skip", "skip_reason", button.dataset.skip);
  const escalate = () => {
    const note = escalating.querySelector("textarea");
    goTo("queue-escalate", "note", note.value);
    note.value = "";
  };

  // ── Similar items: opened, the answer holds for those that are ticked ─────────────────────
  queue.addEventListener(
    "toggle",
    ({ target }) => {
      if (!target.matches("[data-similar]")) return;
      for (const box of target.querySelectorAll("[name=also]")) box.checked = target.open;
      if (target.open) target.scrollIntoView({ block: "nearest" });
    },
    true, // the event does not bubble
  );

  // ── Several photos: the chosen one is large, and a mismatch is said of it ─────────────────
  queue.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-photo]")) return;
    const photo = queue.querySelector(".photo");
    photo.href = target.dataset.photo;
    photo.querySelector("img").src = target.dataset.photo;
    const said = queue.querySelector("[data-shown-photo]");
    if (said) said.textContent = target.value;
  });
  function nextPhoto() {
    const all = [...queue.querySelectorAll("[data-photo]")];
    const next = all[(all.findIndex((one) => one.checked) + 1) % all.length];
    next.checked = true;
    next.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // ── Mouse ─────────────────────────────────────────────────────────────────────────────────
  queue.addEventListener("click", (event) => {
    const { target } = event;
    const opener = target.closest("[data-open]");
    if (opener) toggle(document.getElementById(opener.dataset.open));
    const chooser = target.closest("[data-choose]");
    if (chooser) {
      event.preventDefault();
      toggle(document.getElementById(chooser.dataset.choose));
    }
    if (target.closest("[data-next-photo]")) nextPhoto();
    if (target.closest("[data-zoom]") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      toggleZoom(queue);
    }
  });
  skipping.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-skip]");
    if (button) skip(button);
  });
  escalating.addEventListener("click", ({ target }) => {
    if (target.closest("[data-escalate]")) escalate();
  });
  for (const dialog of [help, skipping, escalating]) {
    dialog.addEventListener("click", ({ target }) => {
      if (target.closest("[data-close]") || target === dialog) dialog.close();
    });
  }
  help.querySelector("[data-change-keys]").addEventListener("click", () => {
    help.classList.add("is-changing");
    for (const input of help.querySelectorAll("input[readonly]")) input.readOnly = false;
    help.querySelector("input[name^=key]").focus();
  });
  const keysOn = help.querySelector("[name=keys_on]");
  keysOn.addEventListener("change", () => keysOn.form.requestSubmit(help.querySelector("[data-save-keys]")));
  help.addEventListener("focusin", ({ target }) => {
    if (target.matches("input[name^=key]") && !target.readOnly) target.select();
  });
  zoom.addEventListener("click", () => zoom.close());
  zoom.addEventListener("pointermove", (event) => {
    // A finger scrolls by itself; a mouse looks where it points.
    if (event.pointerType === "mouse") lookAt(event.clientX / innerWidth, event.clientY / innerHeight);
  });

  // ── Keys ──────────────────────────────────────────────────────────────────────────────────
  const hears = (element, key) => element.dataset.key.toLowerCase().split(" ").includes(key);
  const keyed = (key) => [...queue.querySelectorAll("[data-key]")].find((element) => hears(element, key));

  function press(key) {
    const element = keyed(key);
    if (!element) return false;
    if (element.matches("textarea")) {
      openDetail(queue);
      element.focus();
    } else if (element.matches("input[type=radio]")) {
      openDetail(queue);
      element.checked = !element.checked;
    } else element.click();
    return true;
  }

  // An open window takes only its own keys, and those that close it.
  function pressIn(dialog, key) {
    const opener = { [zoom.id]: "[data-zoom]", [help.id]: "[data-open]" }[dialog.id];
    const closer = opener && queue.querySelector(opener);
    if (closer && hears(closer, key)) {
      dialog.close();
      return true;
    }
    if (dialog !== skipping) return false;
    const reasons = [...skipping.querySelectorAll("[data-skip]")];
    const again = queue.querySelector("[data-choose=queue-skip]");
    const button = again && hears(again, key) ? reasons[0] : reasons[Number(key) - 1];
    if (button) skip(button);
    return Boolean(button);
  }

  document.addEventListener("keydown", (event) => {
    const dialog = document.querySelector("dialog[open]");
    if (dialog === escalating && event.key === "Enter" && (event.ctrlKey || event.metaKey)) escalate();
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.matches("textarea, select, input:not([type=radio], [type=checkbox], [readonly])")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (queue.dataset.keys === "off") return;
    const isHeard = (key) => (dialog ? pressIn(dialog, key) : press(key));
    if (keysOf(event).some(isHeard)) event.preventDefault(); // or it would be typed into a new focus
  });

  // ── Swipe: left is a mismatch, right a match ──────────────────────────────────────────────
  let start = null;
  const moved = ({ clientX, clientY }) => ({ x: clientX - start.clientX, y: clientY - start.clientY });
  const isSwipe = ({ x, y }) => Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(y);

  queue.addEventListener(
    "touchstart",
    ({ target, touches }) => {
      start = touches.length === 1 && target.closest(".photo") ? touches[0] : null;
    },
    { passive: true },
  );
  queue.addEventListener(
    "touchmove",
    ({ target, touches }) => {
      if (!start || touches.length !== 1) return;
      const way = moved(touches[0]);
      const photo = target.closest(".photo");
      photo.querySelector("img").style.translate = `${way.x}px 0`;
      photo.classList.toggle("is-mismatch", isSwipe(way) && way.x < 0);
      photo.classList.toggle("is-match", isSwipe(way) && way.x > 0);
    },
    { passive: true },
  );
  const end = ({ target, changedTouches, type }) => {
    if (!start) return;
    const way = moved(changedTouches[0]);
    start = null;
    const photo = target.closest(".photo");
    photo.querySelector("img").style.translate = "";
    photo.classList.remove("is-mismatch", "is-match");
    if (type === "touchend" && isSwipe(way) && isIdle()) {
      queue.querySelector(way.x < 0 ? ".is-confirm .is-default" : ".is-dismiss .is-default")?.click();
    }
  };
  queue.addEventListener("touchend", end);
  queue.addEventListener("touchcancel", end);
}
