// The default build of the snippet: finds the referral code, remembers the click, reports it, and hands it on. What it does
// is in docs/snippet.md; x.compat.js is the same with compat.js in it, x.core.js is core.js.
//
// Every hundred characters cost about 45 bytes on every page view, so this file is one room: one record, one listener, one
// way to send, one way to land.

import { keyOf, oldCode, standIn } from './compat.js';

const page = document;
const tag = page.currentScript || page.querySelector('script[data-key]');
const option = tag.dataset;
const { api: base = '.', token = '_mv', name = 'molva', params = '', field = 'referral', skip = '!', domains = '!' } = option;
const cookie = /^[\w-]+$/.test(option.cookie || '') ? option.cookie : '_mv';
const names = (token + ' ' + (/\w/.test(params) ? params : '+').replace('+', 'via ref fpr fp_ref aff deal _from rfsn a_aid ')).split(/[ ,]+/);
let { consent = 'granted' } = option;

const LIFETIME_S = (option.days > 0 ? option.days : 60) * 86400; // until the server says otherwise
const SAME_CLICK_S = 1800; // the same code within it is the same click: back button, a second tab
const FRESH_S = 120; // a token carries its click on for so long; in an address that somebody shared it is older
const QUEUE_MS = 6048e5; // 7 days; what waits longer helps nobody
const QUEUE_MAX = 20; // events

// What localStorage keeps, in one record: r the referral (s: the cookie's text, u: good until; and what the server said),
// q the events that wait, by id, d the cookie's domain, o the opt-out.
const memory = { r: {}, q: {} };
const keys = [];
let off; // why nothing may be stored or sent
let kept; // the cookie's text
let id, code, at, first; // the last touch, and the first one's parts
let found; // the address with the code of this page; in memory alone while consent is pending
let click; // reports the last landing to a program
let landing; // settles when that was answered
let stored; // localStorage takes what we give it
let early = 0; // state bit of a page that was prerendered
let imported = 0; // state bit of a page to which another vendor's cookie brought the code

const log = word => ('debug' in option || location.search.includes('_mv_debug')) && console.log(name, word);

/** What `work` gives, or undefined when it throws: storage, cookies and the page's own callbacks may. */
const attempt = work => {
  try {
    return work();
  } catch (error) {
    log(error);
  }
};

/** Listen on the window before everybody else; sees events of the document that do not bubble, too. */
const on = (types, listener, target = self) => types.split(' ').map(type => target.addEventListener(type, listener, true));

const now = () => Date.now() / 1e3 >>> 0;
const base64 = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)));

/** 128 random bits as 22 url-safe characters. */
const makeId = () => base64(crypto.getRandomValues(new Uint8Array(16))).replace(/\W/g, '-').slice(0, 22);

/** Does a list like `a.example *.b.example` or `/cart /checkout` name this host, or the start of this path? */
const lists = (list, text) => RegExp('^(' + list.replace(/[ ,]+/g, '|').replace(/\*/g, '.+') + ')(/|$)').test(text);

/** Read storage and cookie anew: other tabs, other hosts of the site and the server write them too; the cookie wins. */
const load = () => {
  Object.assign(memory, attempt(() => JSON.parse(localStorage[cookie])));
  kept = attempt(() => ('; ' + page.cookie).split('; ' + cookie + '=')[1].split(';')[0]);
  if (kept ? kept !== memory.r.s : memory.r.u < now()) memory.r = { s: kept };
  off = navigator.globalPrivacyControl && option.gpc !== 'ignore' ? 'gpc'
    : top !== self && !frameElement ? 'framed'
    : memory.o ? 'optout'
    : option.bots === 'drop' && navigator.webdriver ? 'bot'
    : /^(auto|pending|denied)/.test(consent) && 'consent';
  [, id, code, at, ...first] = (!off && /^1([.~][\w-]+){6}$/.test(memory.r.s) ? memory.r.s : '').split(/[.~]/);
};

/** The referral that is remembered, or null. */
const get = () => {
  load();
  const { r, partner, discount } = memory.r;
  return id ? { id, code: r || code, first: { id: first[0], code: first[1] }, partner, discount, consent } : null;
};

const tell = word => page.dispatchEvent(new CustomEvent('molva:' + word, { detail: get() }));

/** Write the record, or remove it where nothing is left to remember. */
const keep = () => stored = !!attempt(() => memory.r.s || memory.o || Object.keys(memory.q)[0]
  ? localStorage[cookie] = JSON.stringify(memory) : delete localStorage[cookie]);

/** Make a referral the current one, on the widest cookie domain that the browser takes; an empty one deletes. */
const save = r => {
  let done;
  const write = domain => {
    if (done) return;
    page.cookie = cookie + '=' + r.s + ';path=/;samesite=lax;max-age=' + (r.s ? r.u - now() : 0) + (domain && ';domain=' + domain)
      + (location.protocol > 'http:' ? ';secure' : '');
    done = r.s && page.cookie.includes(r.s);
    memory.d = domain;
  };
  memory.r = r;
  attempt(() => {
    const { domain } = option;
    // A cookie of this host alone, as a link on this host sets it, would hide the domain's.
    page.cookie = cookie + '=;path=/;max-age=0';
    // Pinned; else from two labels up (a public suffix alone makes Firefox log an error), names only; else this host.
    domain != null && write(domain);
    location.hostname.split('.').reduceRight((tail, label) => (label += '.' + tail, tail > 'a' && write(label), label));
    write('');
  });
  keep();
  tell('change');
};

/** An address without hash and without the values of known secrets; `code` beside `state` is a sign-in. */
const clean = url => url.replace(RegExp('#.*|([?&](\\w*token|passw\\w+|secret|api_?key|session|sid|sig(nature)?|email|phone'
  + (/[?&]state=/.test(url) ? '|code' : '') + ')=)[^&#]*', 'gi'), '$1');

/** Send an event, new or from the queue (then it is whole), and keep it while it may still arrive. Never rejects. */
const post = async (more, given = 0) => {
  let event;
  let body;
  let answer = 0;
  let response = 0;
  try {
    load();
    if (off) throw off;
    const { email, order = given.id, customer, coupon, meta, amount, currency } = given;
    event = Object.assign({
      v: 1, i: makeId(), b: Date.now(), n: BUILD, g: memory.d, w: first[0], c: id, r: code,
      u: clean(location.href),
      s: !!kept | stored << 1 | early | (performance.navigation.type > 0) << 5 | navigator.webdriver << 6
        | navigator.globalPrivacyControl << 7 | ('consent' in option) << 8 | page.hidden << 10 | (COMPAT && imported),
      o: order, x: customer, q: coupon, d: meta, m: amount, y: currency,
      h: email && crypto.subtle && base64(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(email.trim().toLowerCase()))),
    }, more);
    // Sent-at and age move together, so the difference stays the time of the event.
    event.z = Date.now();
    event.a = event.z - event.b;
    body = JSON.stringify(event);
    const url = attempt(() => new URL(base.replace(/\/?$/, '/e'), tag.src)) || new URL('e', tag.src);
    // A text body goes out as text/plain: no preflight before a click.
    response = await fetch(url, {
      method: 'POST', body, keepalive: true,
      credentials: memory.d && ('.' + url.hostname).endsWith('.' + memory.d) ? 'include' : 'same-origin',
      signal: attempt(() => AbortSignal.timeout(1e4)),
    });
    answer = await response.json();
  } catch (error) {
    log(error);
    if (!body) return { ok: false, id: null, queued: false, reason: '' + error };
  }
  const { ok = false, status } = response;
  load();
  // No answer, 429 and 5xx wait; everything else is final.
  memory.q[event.i] = event;
  const queued = !off && event.a < QUEUE_MS && !(status < 500 && status !== 429) && !Object.keys(memory.q)[QUEUE_MAX];
  queued || delete memory.q[event.i];
  keep();
  return { ok, id: event.i, queued, reason: answer.detail, answer };
};

const report = t => given => keys.map(k => post({ t, k }, given))[0];

/** Look for a code in an address; a new one is stored at once, and its click sent when the page is seen. */
const find = text => attempt(() => {
  let match;
  const look = source => names.find(
    each => match = RegExp('[?&#]' + each + '=(%20|\\+)*([\\w-]{1,64}(\\.[\\w-]+\\.\\w+)?)(%20|\\+)*([&#]|$)').exec(source),
  );
  // The query first, then the hash.
  const p = look(text.split('#')[0]) || look(text);
  if (!p) throw 'no code';
  const [given, r = given, when] = match[2].split('.');
  // A code set by the page itself starts with the question mark.
  if (text > '@' && lists(skip, location.pathname)) throw 'skipped path';
  found = text;
  load();
  if (off) throw off;
  if (r === code && (click || now() - parseInt(at, 36) < SAME_CLICK_S || performance.navigation.type)) throw 'same click';
  if (id && option.touch === 'first') throw 'first touch';
  let before = memory.r;
  const c = when && now() - parseInt(when, 36) < FRESH_S ? given : makeId();
  const touch = c + '.' + r + '.' + now().toString(36);
  const mine = { s: '1.' + touch + '~' + (first.join('.') || touch), u: now() + LIFETIME_S };
  // Take this code, and the token with it, out of the address; hash, other parameters and the router's state stay.
  const tidy = () => attempt(() => history.replaceState(history.state, '', location.href.replace(
    RegExp('[?&#](' + names.join('|') + ')=[^&#]*' + r + '[^&#]*', 'g'), '',
  ).replace(/^([^?#]*)&/, '$1?')));
  save(mine);
  'clean' in option && option.clean !== 'off' && tidy();
  const own = click = async k => {
    if (page.hidden) await new Promise(resolve => on('visibilitychange pagehide', resolve));
    const { ok, answer } = await post({ t: 'click', k, p, f: clean(page.referrer), c, r });
    load();
    // Nothing of an answer that comes after the next click, a reset or an objection.
    if (ok && answer && click === own && [mine.s, before.s].includes(memory.r.s) && !off) {
      // A void code goes, and what stood before it returns, unless another program knows the code.
      save(answer.void ? before : before = Object.assign(mine, answer, { u: now() + answer.ttl || mine.u }));
      answer.clean && tidy();
    }
  };
  landing = keys.map(click)[0];
});

/** Give marked inputs and Stripe's elements the click's id, where they have none. */
const fill = root => root.querySelectorAll('[data-referral-fill],stripe-buy-button,stripe-pricing-table').forEach(each => {
  const name = 'form' in each ? 'value' : 'client-reference-id';
  each.getAttribute(name) || each.setAttribute(name, id);
});

/** Carry the click over to Stripe's payment pages and to the sites of data-domains (to any, by force). */
const decorate = (link, force) => {
  const { host } = link;
  const key = /^(buy|checkout)\.stripe\.com/.test(host) ? option.stripe !== 'off' && 'client_reference_id'
    : (force || host && host !== location.host && lists(domains, host)) && token;
  if (key && !link.search.includes(key + '=')) link.search += '&' + key + '=' + id + (key === token ? '.' + code + '.' + now().toString(36) : '');
};

/** The one listener for hand-offs: a form being read, or a person about to use something. */
const hand = event => attempt(() => {
  const { formData } = event;
  load();
  if (!id) return;
  if (formData) return field && (formData.get(field) || formData.set(field, id));
  fill(page);
  event.composedPath().map(node => {
    decorate(node);
    // The event formdata does not leave a shadow root.
    node.elements && on('formdata', hand, node);
  });
});

/** A live referral of another vendor counts as a landing, once. */
const bring = old => {
  if (!old) return;
  imported = 4;
  find('?' + token + '=' + old);
};

const methods = {
  /** Report to a program as well. */
  add: key => keys.includes(key) ? log('same tag') : (keys.push(key), landing = click && click(key)),
  lead: report('lead'),
  sale: report('sale'),
  track: (kind, meta) => report(kind)({ meta }),
  get,
  ready: async callback => {
    await landing;
    callback && attempt(() => callback(get()));
    return get();
  },
  set: code => {
    find('?' + token + '=' + code);
    return methods.ready();
  },
  reset: () => {
    click = 0;
    memory.q = {};
    save({ s: '' });
  },
  optout: value => {
    methods.reset();
    memory.o = value !== false;
    keep();
  },
  consent: value => {
    consent = value;
    value === 'denied' ? methods.reset() : found && find(found);
  },
  link: url => {
    const link = new URL(url, location);
    load();
    id && decorate(link, true);
    return link.href;
  },
  fill: form => get() && fill(form),
};

const api = (name, ...given) => attempt(() => methods[name](...given));

const install = () => attempt(() => {
  const key = COMPAT ? attempt(() => keyOf(tag)) : option.key;
  const before = window[name] || 0;
  if (!key) throw 'no key';
  if (before.add) return before.add(key);
  for (const each in methods) api[each] = api.bind(0, each);
  window[name] = api;
  keys.push(key);
  find(location.href);
  // Another host of the site wrote the cookie: find its domain, and mirror it here.
  if (get() && memory.d == null) save({ s: kept, u: parseInt(at, 36) + LIFETIME_S });
  if (COMPAT) {
    // Asking notes in localStorage that it was asked, so it is not asked where nothing may be stored.
    if (!get() && !off && !found) bring(oldCode());
    attempt(() => standIn(api, option, on));
  }
  const flush = () => {
    load();
    Object.values(memory.q).map(event => post(event));
  };
  flush();
  on('online', flush);
  on('formdata pageshow pointerdown click auxclick keydown', hand);
  // Only a code that appears matters; without the Navigation API only pages that push states are seen.
  if (option.spa !== 'off') {
    const { pushState } = history;
    const look = () => location.href === found || find(location.href);
    if (self.navigation) on('currententrychange', look, navigation);
    else history.pushState = (...given) => {
      pushState.apply(history, given);
      look();
    };
  }
  if (consent === 'auto') {
    const decide = yes => api.consent(yes ? 'granted' : 'denied');
    on('CookiebotOnConsentReady OneTrustGroupsUpdated cookieyes_consent_update', ({ detail }) => decide(
      /C0004|marketing|accepted":[^\]]*advert/.test(JSON.stringify(detail || attempt(() => Cookiebot.consent.marketing) && 'marketing')),
    ));
    attempt(() => __tcfapi('addEventListener', 2, data => /^(tc|us)/.test(data.eventStatus) && decide(data.purpose.consents[1])));
  }
  api.ready(referral => {
    tell('ready');
    referral && fill(page);
  });
  Array.from(before.q || [], given => api(...given));
});

// A prerendered page may never be shown: nothing happens before it is.
if (page.prerendering) {
  early = 16;
  on('prerenderingchange', install);
} else install();
