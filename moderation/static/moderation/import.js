// How a file is read: a change of a select reads it again and swaps that in, where that is quick.
// Without this script a button does the same, and photos by address are only named.

const root = document.getElementById("content-main");
let asked = null;

async function readAgain(form, focused) {
  asked?.abort();
  const mine = (asked = new AbortController());
  const body = new FormData(form);
  body.set("look", "1"); // a guess stays one until somebody says that it is right
  root.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { method: "POST", body, signal: mine.signal });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("import-reading");
    if (!fresh) throw new Error(response.url);
    const open = form.querySelector("details.mapping-columns")?.open;
    form.replaceWith(fresh);
    fresh.querySelector("details.mapping-columns").open = open;
    document.getElementById(focused)?.focus();
    root.removeAttribute("aria-busy");
    showPhotos(fresh);
  } catch (error) {
    if (error.name !== "AbortError") form.requestSubmit(); // the whole page says what is wrong
  }
}

async function showPhotos(form) {
  const places = [...form.querySelectorAll("[data-address]")];
  if (!places.length) return;
  try {
    const response = await fetch(form.dataset.photos, { method: "POST", body: new FormData(form) });
    const { photos } = await response.json();
    for (const place of places) {
      const source = photos[place.dataset.address];
      if (!source) continue;
      const picture = new Image();
      picture.src = source;
      picture.alt = "";
      place.replaceWith(picture);
    }
  } catch {
    // their addresses stay where they are
  }
}

root.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.dataset.quick !== undefined && event.target.closest(".mapping")) {
    readAgain(form, event.target.id);
  }
});

showPhotos(document.getElementById("import-reading"));
document.documentElement.classList.add("has-script");
