// The default build: install the global, report the click of a referred landing, hand the click on to
// forms. Other builds are other entries over the same files.

import { attempt, field, key, log, name, off, page } from './page.js';
import { age, decode, load, parts, remember, said, save, state } from './store.js';
import { cleanUrl, findCode } from './code.js';
import { minorUnits } from './money.js';
import { flush, makeId, send } from './wire.js';

const SAME_CLICK_S = 1800; // back button, the same address in a new tab
const NEVER_SEEN = 1024; // state bit: sent at pagehide, the page was never visible

const keys = [];
let landing; // the first key's click

/** Store the click of this landing at once; gives the function that reports it, or nothing. */
const land = () => {
  load();
  const [code, p] = findCode() || [];
  if (!code) return log('no code');
  if (decode(parts(state)[2]) === code && (age(state) < SAME_CLICK_S || (performance.navigation || 0).type)) return log('same click');
  const before = state;
  const words = said;
  remember(makeId(), code);
  const own = state;
  let known;
  const seen = new Promise(resolve => {
    page.hidden || resolve();
    page.addEventListener('visibilitychange', () => resolve());
    addEventListener('pagehide', () => resolve(NEVER_SEEN));
  });
  return async key => {
    const { answer, status } = await send('click', key, { p, f: cleanUrl(page.referrer) }, await seen);
    // A void code goes, and what stood before it returns.
    if (status < 300 && answer) answer.void ? known || save(before, words) : save(known = own, answer);
  };
};

const report = kind => async given => {
  try {
    if (off) throw off;
    const { id, order = id, customer, coupon, meta, amount, currency, email } = given;
    const more = { o: order && '' + order, x: customer && '' + customer, q: coupon, d: meta };
    if (kind === 'sale') {
      more.y = (currency + '').toUpperCase();
      more.m = minorUnits(amount, more.y);
      if (!/^[A-Z]{3}$/.test(more.y) || !Number.isInteger(more.m) || more.m < 0) throw 'amount';
    }
    load();
    return await keys.map(key => send(kind, key, more))[0];
  } catch (reason) {
    log(reason);
    return { ok: false, id: null, queued: false, reason };
  }
};

const api = (name, given) => attempt(() => api[name](given));

api.lead = report('lead');
api.sale = report('sale');

api.get = () => {
  load();
  if (off || !state) return null;
  const [, id, code, , first, firstCode] = parts(state);
  const { r, partner, discount } = state === said.v && said;
  return { id, code: r || decode(code), first: { id: first, code: decode(firstCode) }, partner, discount };
};

api.ready = async callback => {
  await landing;
  const referral = api.get();
  callback && attempt(() => callback(referral));
  return referral;
};

const install = () => attempt(() => {
  if (!key) return log('no key');
  const before = window[name] || 0;
  if (before.add) return before.add(key);
  window[name] = api;
  const click = off ? log(off) : attempt(land);
  api.add = key => {
    if (keys.includes(key)) return log('twice');
    keys.push(key);
    const sent = click && click(key);
    landing = landing || sent;
  };
  api.add(key);
  if (!off) {
    page.addEventListener('formdata', ({ formData }) => {
      const referral = field && api.get();
      referral && !formData.get(field) && formData.set(field, referral.id);
    });
    flush();
    addEventListener('online', flush);
  }
  api.q = { push: given => api(...given) };
  Array.from(before.q || []).forEach(api.q.push);
});

// A prerendered page may never be shown: nothing happens before it is.
page.prerendering ? page.addEventListener('prerenderingchange', install) : install();
