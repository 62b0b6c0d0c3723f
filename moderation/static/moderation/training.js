// The page of a training that runs: asks each second how far it is and swaps that in. At the end
// the page is reloaded. Without this script, reloading the page by hand shows the same.

const live = document.getElementById("training-live");
const EVERY_MS = 1_000;
const AFTER_FAILURE_MS = 5_000;

async function look() {
  let pause = EVERY_MS;
  try {
    const response = await fetch(live.dataset.progress, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const answer = await response.json();
    if (!answer.live) {
      location.reload();
      return;
    }
    live.innerHTML = answer.html;
  } catch {
    pause = AFTER_FAILURE_MS; // the server restarts, or the network is away
  }
  setTimeout(look, pause);
}

setTimeout(look, EVERY_MS);
