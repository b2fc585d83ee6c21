// Loads the snippet from an installation and gives it back as a typed object. Importing this file touches
// nothing, so that it may stand in code that also runs on a server. Nothing here throws or rejects.

const POLICY = 'molva-snippet'; // the Trusted Types policy a site allows
const WAIT_MS = 10_000; // a script that takes longer is taken for blocked; what was reported still waits for it

const EVENTUAL = ['lead', 'sale', 'track', 'set'];
const QUEUED = ['fill', 'consent', 'optout', 'reset'];

const clients = new Map();
let policy;

const attempt = work => {
  try {
    return work();
  } catch {
    // A page must not break because it is tracked.
  }
};

const refusal = (reason, queued) => ({ ok: false, reason, queued, id: null });

/** The snippet behind the global, or undefined while there is only its stub. */
const installed = name => {
  const found = window[name];
  return found && typeof found.get === 'function' ? found : undefined;
};

const installStub = name => {
  if (window[name]) return;
  const stub = function () {
    (stub.q = stub.q || []).push(arguments);
  };
  window[name] = stub;
};

const attributeOf = (option, value) => {
  if (value === true) return 'on';
  // What is off unless it is asked for is left out; an empty text switches a field or a domain off.
  if (value === false && /^(debug|clean)$/.test(option)) return undefined;
  if (value === false) return /^(field|domain)$/.test(option) ? '' : 'off';
  if (Array.isArray(value)) return value.join(' ');
  return value === undefined || value === null ? undefined : String(value);
};

/** The address as a page with Trusted Types takes it. */
const trusted = address => {
  policy = policy || attempt(() => window.trustedTypes.createPolicy(POLICY, { createScriptURL: text => text }));
  return policy ? policy.createScriptURL(address) : address;
};

const findTag = (address, key) => [...document.querySelectorAll('script[data-key]')]
  .find(tag => tag.src === address && tag.dataset.key === key);

const makeTag = (address, { nonce, integrity, ...attributes }) => {
  const tag = document.createElement('script');
  tag.async = true;
  for (const [option, value] of Object.entries(attributes)) {
    const text = attributeOf(option, value);
    if (text !== undefined) tag.dataset[option] = text;
  }
  if (nonce) tag.nonce = nonce;
  if (integrity) {
    tag.integrity = integrity;
    tag.crossOrigin = 'anonymous';
  }
  tag.src = trusted(address);
  return tag;
};

/** A promise of null once the snippet is there, else of why it is not and whether calls still wait for it. */
const settle = (tag, name, waitMs) => new Promise(resolve => {
  const check = () => {
    if (installed(name)) resolve(null);
    // A page that is rendered ahead installs the snippet when it is shown.
    else if (document.prerendering) document.addEventListener('prerenderingchange', () => setTimeout(check));
    else resolve(['blocked', false]);
  };
  // Another key may have brought it already, or the tag stood in the page and has run.
  if (installed(name)) resolve(null);
  tag.addEventListener('load', check);
  tag.addEventListener('error', check);
  setTimeout(() => resolve(installed(name) ? null : ['timeout', true]), waitMs);
});

/** The object a page works with. `arriving` is as `settle` gives it. */
const makeClient = (name, arriving) => {
  const client = (method, ...given) => attempt(() => client[method](...given));
  for (const method of EVENTUAL) {
    client[method] = async (...given) => {
      const none = (reason, queued) => (method === 'set' ? null : refusal(reason, queued));
      const call = () => installed(name)[method](...given);
      try {
        const missing = await arriving;
        if (installed(name)) return await call();
        // What is said later than this the snippet hears from the stub, whenever it arrives.
        if (missing[1]) window[name](method, ...given);
        return none(...missing);
      } catch {
        return none('failed', false);
      }
    };
  }
  for (const method of QUEUED) {
    client[method] = (...given) => {
      attempt(() => (installed(name) ? installed(name)[method](...given) : window[name](method, ...given)));
    };
  }
  client.get = () => attempt(() => installed(name).get()) || null;
  client.link = url => attempt(() => installed(name).link(url)) || String(url);
  client.ready = async callback => {
    await arriving;
    const referral = await attempt(() => installed(name).ready()) || null;
    if (callback) attempt(() => callback(referral));
    return referral;
  };
  return client;
};

/** The same object where there is no page, or nothing to load. */
const makeAbsent = reason => {
  const client = (method, ...given) => attempt(() => client[method](...given));
  for (const method of ['lead', 'sale', 'track']) client[method] = async () => refusal(reason, false);
  for (const method of QUEUED) client[method] = () => {};
  client.set = async () => null;
  client.get = () => null;
  client.link = url => String(url);
  client.ready = async callback => {
    if (callback) attempt(() => callback(null));
    return null;
  };
  return client;
};

/** Load the snippet once for each address and key, and give the object to talk to it. See index.d.ts. */
export const load = (options = {}) => {
  if (typeof window === 'undefined' || typeof document === 'undefined') return makeAbsent('server');
  const { src, waitMs = WAIT_MS, ...rest } = options;
  const { key, api, name = 'molva' } = rest;
  if (!key) {
    console.warn('molva: load() got no key; pass the publishable key of your program, like pk_live_….');
    return makeAbsent('no_key');
  }
  const address = attempt(() => new URL(src || `${(api || '/r').replace(/\/+$/, '')}/x.js`, document.baseURI).href);
  if (!address) return makeAbsent('blocked');
  const known = `${name} ${address} ${key}`;
  if (!clients.has(known)) {
    installStub(name);
    const old = findTag(address, key);
    const tag = old || attempt(() => makeTag(address, rest));
    clients.set(known, tag ? makeClient(name, settle(tag, name, waitMs)) : makeAbsent('blocked'));
    if (tag && !old) (document.head || document.documentElement).append(tag);
  }
  return clients.get(known);
};

/** Call back with the referral (or null) once it is known and whenever it changes; gives the function that ends it. */
export const watch = (client, callback) => {
  if (typeof document === 'undefined') return () => {};
  let live = true;
  const tell = referral => live && attempt(() => callback(referral));
  const changed = event => tell(event.detail || null);
  document.addEventListener('molva:change', changed);
  client.ready(tell);
  return () => {
    live = false;
    document.removeEventListener('molva:change', changed);
  };
};
