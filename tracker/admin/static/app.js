// Small comforts on top of pages that work without them: copying, keys, local time. No string ever becomes markup.
"use strict";

(() => {
  const COPIED_MS = 2000;

  // Copy buttons are hidden in the page, so that without script there is no button that does nothing.
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) break; // plain http away from this machine
    const word = button.querySelector(".copyable-word");
    const before = word.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      word.textContent = button.dataset.done;
      button.classList.add("is-copied");
      setTimeout(() => {
        word.textContent = before;
        button.classList.remove("is-copied");
      }, COPIED_MS);
    });
  }

  // Times are shown in UTC; the reader's own time stands in the tooltip.
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[data-local]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) time.title = format.format(moment);
  }

  const isTyping = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;

  // "/" goes to the search; "j" and "k" walk the rows of the list, "o" or Enter opens one.
  const rows = [...document.querySelectorAll("[data-rows] tbody tr")];
  let chosen = -1;
  const choose = (index) => {
    if (!rows.length) return;
    rows[chosen]?.classList.remove("is-chosen");
    chosen = Math.min(Math.max(index, 0), rows.length - 1);
    rows[chosen].classList.add("is-chosen");
    rows[chosen].scrollIntoView({ block: "nearest" });
    rows[chosen].querySelector("a")?.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const search = document.querySelector('[data-hotkey="/"]');
    if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "j") choose(chosen + 1);
    else if (event.key === "k") choose(chosen - 1);
    else if (event.key === "o") rows[chosen]?.querySelector("a")?.click();
    else if (event.key === "Escape" && location.hash === "#menu") location.hash = "#main";
  });
})();
