// The way to the server: ids, events, the one request, and the retry queue. Nothing here throws or rejects.

import { attempt, base, log, page, tag } from './page.js';
import { decode, domain, local, parts, state } from './store.js';
import { cleanUrl } from './code.js';

const QUEUE_MAX = 20; // events; a longer outage loses the oldest
const QUEUE_MS = 6048e5; // 7 days; what is older helps nobody
const ANSWER_MS = 1e4; // a server silent for longer is asked again on the next page

const address = base && attempt(() => new URL(base.replace(/\/*$/, '/e'), page.baseURI)) || new URL('e', tag.src || page.baseURI);

/** 128 random bits as 22 url-safe characters. */
export const makeId = () => {
  const bytes = new Uint8Array(16).map(() => Math.random() * 256);
  attempt(() => crypto.getRandomValues(bytes));
  return btoa(String.fromCharCode(...bytes)).slice(0, 22).replace(/\W/g, char => char < '/' ? '-' : '_');
};

const readQueue = () => attempt(() => JSON.parse(local('q') || '[]').filter(event => event.a < QUEUE_MS)) || [];

/** Send once and give `{ok, id, queued, status, answer}`. 4xx is final; no answer, 429 and 5xx wait in the queue. */
const post = async event => {
  const now = Date.now();
  let status = 599; // no answer at all
  let answer;
  // Sent-at and age move together, so the difference stays the time of the event.
  event.a += Math.max(0, now - event.z);
  event.z = now;
  try {
    const response = await fetch(address, {
      method: 'POST',
      // A string goes out as text/plain: no preflight before a click.
      body: JSON.stringify(event),
      keepalive: true,
      // To another origin same-origin means none.
      credentials: ('.' + address.hostname).endsWith('.' + domain) ? 'include' : 'same-origin',
      signal: attempt(() => AbortSignal.timeout(ANSWER_MS)),
    });
    status = response.status;
    answer = await response.json();
  } catch (error) {
    log(error);
  }
  const again = /429|5../.test(status);
  const queue = readQueue().filter(other => other.i !== event.i).concat(again ? event : []).slice(-QUEUE_MAX);
  return { ok: status < 300, id: event.i, queued: !!local('q', queue[0] ? JSON.stringify(queue) : '') && again, status, answer };
};

/** Send an event in wire keys under one key, stamped now. */
export const send = (kind, key, more, bit) => {
  const [, id, code, , visitor] = parts(state);
  return post(Object.assign({
    v: 1,
    t: kind,
    k: key,
    i: makeId(),
    a: 0,
    z: Date.now(),
    n: BUILD,
    u: cleanUrl(location.href),
    // webdriver (64), GPC that the owner ignores (128), and what the caller adds.
    s: navigator.webdriver << 6 | navigator.globalPrivacyControl << 7 | bit,
    g: domain || undefined,
    w: visitor,
    c: id,
    r: code && decode(code),
  }, more));
};

/** Try the queue again: once a page, and whenever the network is back. */
export const flush = () => readQueue().forEach(post);
