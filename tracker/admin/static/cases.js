// The keys of the review: a clear, x reject, v void, h hold on, c take, ? help. A key only walks to a form or sends the
// claim, which can be given back; a verdict is never given without its reason standing on the page and a second key.
"use strict";

(() => {
  const ACTIONS = { a: "clear", x: "reject", v: "void", h: "hold" };
  const isTyping = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;
  const chosenRow = () => document.querySelector("[data-queue] tbody tr.is-chosen") ?? document.querySelector("[data-queue] tbody tr");

  const judge = (key) => {
    const link = document.querySelector(`[data-key="${key}"]`);
    if (link) link.click();
    else if (chosenRow()) location.assign(`${chosenRow().dataset.case}?action=${ACTIONS[key]}`);
  };

  const claim = () => {
    const form = document.querySelector("[data-claim]") ?? chosenRow()?.querySelector(".queue-claim");
    form?.requestSubmit();
  };

  const help = () => {
    const keys = document.querySelector("[data-keys]");
    if (keys) keys.open = !keys.open;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key in ACTIONS) judge(event.key);
    else if (event.key === "c") claim();
    else if (event.key === "?") help();
    else return;
    event.preventDefault();
  });

  // Another reason brings its own text, unless the text was changed by hand.
  const reason = document.querySelector("#reason_code");
  const text = document.querySelector("#public_text");
  if (reason && text) {
    const isOwn = () => text.value.trim() !== "" && ![...reason.options].some((one) => one.dataset.text === text.value.trim());
    reason.addEventListener("change", () => {
      if (!isOwn()) text.value = reason.selectedOptions[0].dataset.text;
    });
  }
})();
