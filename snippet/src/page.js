// The page around us: our own tag with its options, guarded calls, the debug trace, and what forbids
// tracking here. Every other file asks this one; nothing here stores or sends.

export const page = document;

const running = page.currentScript;

/** Our tag: the running script when it carries a key, else the first script that does. */
export const tag = running && running.dataset.key ? running : page.querySelector('script[data-key]') || page.head;

export const {
  key, api: base, params = '', cookie = '', name = 'molva', gpc, domain: pinned, days, field = 'referral', debug,
} = tag.dataset;

export const log = word => {
  if (debug !== undefined) console.log('molva', word);
};

/** What `work` gives, or undefined when it throws: nothing of ours may throw into the page. */
export const attempt = work => {
  try {
    return work();
  } catch (error) {
    log(error);
  }
};

/** Why nothing may be stored or sent here; falsy when it may. */
export const off = navigator.globalPrivacyControl && gpc !== 'ignore' ? 'gpc'
  : window !== top && !attempt(() => top.location.href) && 'framed';
