// The smallest build: a landing, its cookie, its click, and reports. No queue, no hand-off, no consent states.

const page = document;
const tag = page.currentScript || page.querySelector('script[data-key]');
const option = tag.dataset;
const { cookie = '_mv', name = 'molva', params = '+' } = option;
const DAY_S = 86400;
const days = option.days || 60;
const now = Date.now() / 1e3 >>> 0;
const endpoint = new URL('e', option.api || tag.src);
let landing;
let domain = '';

// Why nothing may be stored or sent here: the browser objects, or another site frames the page.
const off = navigator.globalPrivacyControl && option.gpc !== 'ignore' || top !== self && !frameElement;

const attempt = work => {
  try {
    return work();
  } catch (error) {}
};

const makeId = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16)))).slice(0, 22).replace(/\W/g, '-');

/** `[last id, last code, last t36, first id, first code, first t36]` of the cookie, else of its mirror. */
const read = () => (off ? '' : (attempt(() => page.cookie) + cookie + '=' + attempt(() => localStorage[cookie])).split(cookie + '=1.')[1] || '').split(/[.~;]/);

/** Store a state; empty forgets it. The domain is the widest of two labels or more that the browser takes. */
const save = state => {
  const write = wanted => {
    page.cookie = cookie + '=1.' + state + ';path=/;samesite=lax;max-age=' + (state ? days * DAY_S : 0) + wanted + (location.protocol > 'http:' ? ';secure' : '');
    return state && page.cookie.includes(state);
  };
  domain = '';
  attempt(() => localStorage[cookie] = '1.' + state);
  attempt(() => location.hostname.split('.').reduceRight((tail, label) => {
    label += '.' + tail;
    if (!domain && tail > 'a' && write(';domain=' + label)) domain = label;
    return label;
  }));
  attempt(() => domain || write(''));
};

const send = async (t, more) => {
  const [c, r, , w] = read();
  const i = makeId();
  const response = await fetch(endpoint, {
    method: 'POST',
    // A string goes out as text/plain: no preflight.
    body: JSON.stringify(Object.assign({ t, k: option.key, i, n: BUILD, u: location.origin + location.pathname, s: navigator.webdriver << 6, g: domain || undefined, w, c, r }, more)),
    keepalive: true,
    credentials: domain && endpoint.hostname.endsWith(domain) ? 'include' : 'same-origin',
  });
  return { ok: response.ok, id: i, answer: await response.json() };
};

const visit = async () => {
  let code;
  const p = params.replace('+', 'via ref fpr fp_ref aff deal _from rfsn a_aid ').split(/[ ,]+/).find(
    each => code = (RegExp('[?&#]' + each + '=([\\w-]{1,64})(?![\\w-])').exec(location) || 0)[1],
  );
  const [id, last, at, ...first] = read();
  if (!p || last === code && now - parseInt(at, 36) < 1800) return;
  const touch = [makeId(), code, now.toString(36)].join('.');
  const before = first[1] ? [id, last, at].join('.') + '~' + first.slice(0, 3).join('.') : '';
  save(touch + '~' + (before.split('~')[1] || touch));
  if (page.hidden) await new Promise(seen => page.addEventListener('visibilitychange', seen));
  const { answer } = await send('click', { p, f: page.referrer });
  if (answer.void) save(before);
};

const report = kind => async given => {
  try {
    return off ? { ok: false } : await send(kind, { o: given.order || given.id, x: given.customer, q: given.coupon, d: given.meta, m: given.amount, y: given.currency });
  } catch (error) {
    return { ok: false };
  }
};

const api = (name, ...given) => attempt(() => api[name](...given));

const install = () => {
  const before = window[name] || 0;
  if (before.get) return;
  window[name] = Object.assign(api, {
    lead: report('lead'),
    sale: report('sale'),
    get: () => {
      const [id, code, , first, firstCode] = read();
      return firstCode ? { id, code, first: { id: first, code: firstCode } } : null;
    },
    ready: async callback => {
      await landing;
      attempt(() => callback(api.get()));
      return api.get();
    },
  });
  landing = off || visit().catch(() => 0);
  (before.q || []).map(given => api(...given));
};

page.prerendering ? page.addEventListener('prerenderingchange', install) : install();
