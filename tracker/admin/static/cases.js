// The keys of the review: a clear, x reject, v void, q ask, h hold on, c take, z take back, ? help. A key only presses a
// button that stands on the page; a verdict is never given without its reason standing there and a second key.
"use strict";

(() => {
  const ACTIONS = { a: "clear", x: "reject", v: "void", q: "ask", h: "hold" };
  const isTyping = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;
  const chosenRow = () => document.querySelector("[data-queue] tbody tr.is-chosen") ?? document.querySelector("[data-queue] tbody tr");

  const judge = (key) => {
    const button = document.querySelector(`[data-key="${key}"]`);
    if (button) return button.click();
    const row = chosenRow();
    if (!row) return;
    const form = row.querySelector(".queue-claim");
    if (!form) return location.assign(`${row.dataset.case}?action=${ACTIONS[key]}`);
    form.elements.action.value = ACTIONS[key];
    form.requestSubmit();
  };

  const claim = () => {
    const form = document.querySelector("[data-claim]") ?? chosenRow()?.querySelector(".queue-claim");
    form?.requestSubmit();
  };

  const help = () => {
    const keys = document.querySelector("[data-keys]");
    if (keys) keys.open = !keys.open;
  };

  // The way back is offered for as long as the server says; after that it would only be refused.
  const undo = document.querySelector("[data-undo]");
  if (undo) setTimeout(() => undo.remove(), Number(undo.dataset.undo));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key in ACTIONS) judge(event.key);
    else if (event.key === "c") claim();
    else if (event.key === "z") document.querySelector("[data-undo]")?.requestSubmit();
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
