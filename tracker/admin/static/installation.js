// While the owner's page is open in another window, asks whether its click has come, and shows the page anew when it
// has or when a minute is over. Without script, "Look again" does the same.
"use strict";

(() => {
  const ASK_MS = 1000;
  const ASKS_MAX = 60; // a minute; a page that takes longer is opened again
  const link = document.querySelector("[data-open-check]");
  const waiting = document.querySelector("[data-waiting]");
  if (!link || !waiting) return;
  const { openCheck, seen } = link.dataset;
  let asked = 0;

  const ask = async () => {
    asked += 1;
    let state = null;
    try {
      const answer = await fetch(`${openCheck}/state`, { redirect: "error" });
      if (answer.ok) state = await answer.json();
    } catch {
      // No network for a moment: the next question tells.
    }
    if (state?.seen_at_ms && `${state.seen_at_ms}` !== seen) location.replace(openCheck);
    else if (asked >= ASKS_MAX) location.replace(`${openCheck}?looked=1`);
    else setTimeout(ask, ASK_MS);
  };

  const begin = () => {
    const isRunning = !waiting.hidden;
    asked = 0;
    waiting.hidden = false;
    if (!isRunning) setTimeout(ask, ASK_MS);
  };
  link.addEventListener("click", begin);
  link.addEventListener("auxclick", begin);
})();
