// What the browser remembers: the cookie, its localStorage mirror, the accepted cookie domain, and what
// the server said. The state is the cookie's text, `1.<last id>.<last code>.<t36>~<first id>.<first
// code>.<t36>` with times in seconds, or empty. Both touches are kept; the server decides which one counts.

import { attempt, cookie, days, page, pinned } from './page.js';

const name = /^[\w-]+$/.test(cookie) ? cookie : '_mv';

/** The state; call `load` before relying on it. */
export let state = '';

/** The cookie domain that was accepted; empty means this host only. */
export let domain;

/** The server's answer about the state `v`. */
export let said = {};

/** Read, write, or (empty text) remove a localStorage entry; undefined where the browser refuses. */
export const local = (suffix, text) => attempt(() => text === undefined ? localStorage[name + suffix]
  : text ? localStorage[name + suffix] = text : delete localStorage[name + suffix]);

/** `[version, last id, last code, last t36, first id, first code, first t36]`. */
export const parts = text => text.split(/[.~]/);

export const decode = code => attempt(() => decodeURIComponent(code));

const now = () => Date.now() / 1e3 >>> 0;

/** Seconds since the last touch. */
export const age = text => now() - parseInt(parts(text)[3], 36);

// Chrome keeps no cookie longer than 400 days.
const secondsLeft = text => text && (said.v === text && said.ttl || (days > 0 ? Math.min(days, 400) : 60) * 86400) - age(text);

/** Read the state again: another tab, another page or the server's own cookie may have changed it. */
export const load = () => {
  said = attempt(() => JSON.parse(local('p') || 0)) || said;
  domain = local('d') || domain;
  const mirror = local('');
  const found = ((attempt(() => page.cookie) || '') + ';' + name + '=' + (secondsLeft(mirror) > 0 && mirror)).match(
    '\\b' + name + '=(1([.~][\\w-]+\\.[^.~;]+\\.\\w+){2})(;|$)',
  );
  if (found) state = found[1];
};

const setCookie = (text, wanted) => attempt(() => {
  page.cookie = name + '=' + text + ';Path=/;SameSite=Lax;Max-Age=' + (secondsLeft(text) || 0)
    + (wanted ? ';Domain=' + wanted : '') + (location.protocol > 'http:' ? ';Secure' : '');
  return text && page.cookie.includes(text);
});

/** Store a state (empty: forget it everywhere) and what the server said of it. */
export const save = (text, words) => {
  state = words.v = text;
  said = words;
  const labels = location.hostname.split('.');
  // Two labels first: starting at the public suffix makes Firefox log an error for every visitor.
  // Addresses and single labels have no domain.
  domain = pinned !== '' && [pinned, domain].concat(labels.map((_, i) => labels.slice(-2 - i).join('.')))
    .find(wanted => /\..*[a-z]/.test(wanted) && setCookie(text, wanted)) || '';
  // A host-only cookie, as the server may have set it, would hide the one with a domain.
  setCookie(domain ? '' : text);
  local('d', domain);
  local('', text);
  local('p', JSON.stringify(words));
};

/** Remember a new click before anything is sent. */
export const remember = (id, code) => {
  const touch = id + '.' + encodeURIComponent(code).replace(/[.~]/g, char => char < '~' ? '%2E' : '%7E')
    + '.' + now().toString(36);
  save('1.' + touch + '~' + (state.split('~')[1] || touch), {});
};
