// Reports a sign-up from the browser. The stub keeps the call until the tag has loaded; without the tag
// nothing happens and the page stays as it is.
(() => {
  const lead = document.querySelector('[data-lead]');
  if (!lead) return;
  window.molva = window.molva || function () { (window.molva.q = window.molva.q || []).push(arguments); };
  window.molva('lead', { id: lead.dataset.lead });
})();
