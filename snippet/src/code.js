// What the address says: the referral code, and the address without its secrets.

import { params } from './page.js';

const CODE_MAX = 64; // characters; the server refuses longer ones
const URL_MAX = 2e3; // characters; the server takes 2,048

// A list that starts with `+` is added to the defaults; one without any name is the defaults.
const names = ((/^(\+|\W*$)/.test(params) ? 'via ref fpr fp_ref aff deal _from rfsn a_aid' : '') + params).match(/\w+/g);

/** `[code, parameter]` of the query, else of the hash; undefined when there is none. */
export const findCode = () => {
  for (const source of [location.search, location.hash.split(/[#?]/).pop()]) {
    for (const name of names) {
      const code = (new URLSearchParams(source).get(name) || '').trim().normalize();
      if (code && !code[CODE_MAX]) return [code, name];
    }
  }
};

/** An address without hash and without the values of known secrets; `code` beside `state` is a sign-in. */
export const cleanUrl = url => url.split('#')[0].replace(
  RegExp('([?&]((\\w+_)?token|passw\\w+|secret|api_?key|session|sid|sig(nature)?|email|phone'
    + (/[?&]state=/.test(url) ? '|code' : '') + ')=)[^&]*', 'gi'), '$1',
).slice(0, URL_MAX);
