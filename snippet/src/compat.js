// Stands in for seven other vendors' snippets, so that moving to us is changing one `src`: their calls, waiting or
// later, their result globals, and the live referral in their cookies. A line marked with a vendor can be taken out.

/** Our key: the first pk_… in the tag (data-key, address, old attribute), else in what FirstPromoter's stub holds. */
export const keyOf = ({ outerHTML }) => (/\bpk_\w+/.exec(outerHTML + JSON.stringify((window.fpr || 0).q)) || 0)[0];

/**
 * The code in an old vendor's live cookie, given once; undefined without one. What Tapfiliate, Dub and PAP store is an
 * id that only they can resolve. Rewardful's value is URL-encoded JSON and Tolt's an encoded JSON string.
 */
export const oldCode = () => {
  try {
    const [, code] = /(?:_fprom_ref|tolt_referral|growSumoPartnerKey|ps_partner_key|rewardful.referral=[^;]*token)(?:[=:"]|%..)+([\w-]+)/.exec(document.cookie);
    if (localStorage._mvi !== code) return localStorage._mvi = code;
  } catch (error) {}
};

/** Install the stand-ins over our own API; `currency` is the tag's data-currency. */
export const standIn = (api, { currency }, on) => {
  /** Take one call as the stubs keep it: its name, then what was given: an object, or id, amount and options. */
  const run = async ([call, a, b, c]) => {
    const given = Object(a) === a ? a : Object.assign({ order: a, amount: '' + +(+b).toFixed(3) }, c);
    const out = { currency };
    for (const key in given) {
      const value = given[key];
      // Vendors let an e-mail address be the customer's id; we only ever send its hash.
      // uid, customerExternalId, customer_id, customer_key; invoiceId.
      const ours = /uid|mer(Ex|_)/.test(key) ? 'customer' : /oi/.test(key) ? 'order' : key;
      out[/^[^/ ]+@/.test(value) ? 'email' : ours] = value;
    }
    const { order, customer = order, email } = out;
    // Names are told apart by a part of theirs: ready, onReady; source; getTrackingId; trackSale, conversion; leads.
    if (/dy/.test(call)) api.ready(a);
    if (/our/.test(call)) api.set(a); // Rewardful
    if (/gI/.test(call)) api.ready(referral => b((referral || 0).id)); // Tapfiliate
    if (/kS|sio/.test(call) && order) api.sale(out); // Tapfiliate, Dub, PAP
    if (/[lL]ead|vert|ref|cus|tri/.test(call) && (customer || email)) {
      return api.lead({ id: customer, customer, email });
    }
  };
  const data = {};
  const all = {
    data,
    _initialize() {}, // PartnerStack
    createSignup: callback => run(['lead', data]).then(callback), // PartnerStack
    signup: id => run(['lead', id]).then(() => Object.assign(data, { customer_id: id })), // Tolt
  };
  const show = () => {
    const { id, code, partner, discount } = api.get() || 0;
    Object.assign(data, { tid: id, ref_id: code, partner_key: code, click_id: id, partner_id: code });
    Object.assign(all, { referral: id, affiliate: partner, coupon: discount, partner, discount });
    window.tolt_data = (window.tolt_referral = id) && data; // Tolt
    if (window.tap) tap.vids = id && [id]; // Tapfiliate
  };
  window.Rewardful = window.FPROM = window.DubAnalytics = window.growsumo = window.tolt = all;
  // PAP: every method exists; setters fill the sale under way, which goes out at register() or at the next create…().
  let held = {};
  const pap = window.PostAffTracker = new Proxy({}, {
    get: (target, name) => value => {
      held[name.slice(3).toLowerCase()] = value;
      if (/^reg|^cr/.test(name)) {
        held.totalcost && run(['sio', held.orderid, held.totalcost, held]);
        held = {};
      }
      return pap;
    },
  });
  show();
  on('molva:change', show);
  // The stubs stay; what they keep from now on we take at once.
  'rewardful fpr tap dubAnalytics'.split(' ').map(name => {
    const stub = window[name] || run;
    const queue = stub.q = stub.q || [];
    queue.map(run);
    queue.push = run;
  });
};
