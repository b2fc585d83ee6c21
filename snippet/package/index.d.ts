/** A referral as the browser remembers it. */
export interface Referral {
  /** The id of the click that counts; hand it to your server with the order. */
  id: string;
  /** The partner's code. */
  code: string;
  /** The first touch of this browser. */
  first: { id: string; code: string };
  /** What the server said of the partner, once it did. */
  partner?: { name: string; image?: string };
  /** What the visitor gets, where the program gives something. */
  discount?: Discount;
  consent?: Consent;
}

export interface Discount {
  kind: 'percent' | 'amount';
  value: number;
  currency?: string;
  code?: string;
}

export type Consent = 'granted' | 'pending' | 'denied';

/** Names of at most 20 values, together at most 1 KB. */
export type Metadata = Record<string, string | number | boolean | null>;

export interface Lead {
  /** Your number of it; without one each call is another lead. */
  id?: string;
  email?: string;
  /** Your own id of the customer. */
  customer?: string;
  coupon?: string;
  meta?: Metadata;
}

export interface Sale {
  /** Your order number; the same number again is the same sale. */
  order: string;
  /** Whole minor units (1999) or a decimal text ("19.99"), never a fraction. */
  amount: number | `${number}`;
  /** ISO 4217, like "EUR". */
  currency: string;
  customer?: string;
  email?: string;
  coupon?: string;
  meta?: Metadata;
}

/** What became of a report. Promises of it never reject. */
export interface Report {
  ok: boolean;
  /** The id of the event; null when nothing was made of it. */
  id: string | null;
  /** It waits, in the browser or for the script, and is sent later. */
  queued: boolean;
  /**
   * Why it was refused: `server` (no browser here), `no_key`, `blocked` (the script did not load), `timeout` (not yet),
   * `failed`, `consent`, `gpc`, `framed`, `optout`, `bots`, `amount`, or what the server said.
   */
  reason?: string;
  /** The server's HTTP status, where it answered. */
  status?: number;
  answer?: unknown;
}

/** The global, and what `load` gives. */
export interface Molva {
  (method: 'ready', callback?: (referral: Referral | null) => void): Promise<Referral | null> | void;
  (method: 'get'): Referral | null | void;
  (method: 'lead', lead?: Lead): Promise<Report> | void;
  (method: 'sale', sale: Sale): Promise<Report> | void;
  (method: 'track', name: string, meta?: Metadata): Promise<Report> | void;
  (method: 'link', url: string | URL): string | void;
  (method: 'fill', form: HTMLFormElement): void;
  (method: 'set', code: string): Promise<Referral | null> | void;
  (method: 'consent', state: Consent): void;
  (method: 'optout', out?: boolean): void;
  (method: 'reset'): void;

  /** Settles always: with the referral, or with null when there is none or the script is blocked. */
  ready(callback?: (referral: Referral | null) => void): Promise<Referral | null>;
  /** What is known now; null before the script has loaded. */
  get(): Referral | null;
  lead(lead?: Lead): Promise<Report>;
  sale(sale: Sale): Promise<Report>;
  track(name: string, meta?: Metadata): Promise<Report>;
  /** The address with what another site of yours needs to know the visitor again. */
  link(url: string | URL): string;
  /** Put the click's id into the form's field. */
  fill(form: HTMLFormElement): void;
  /** Take a code the visitor typed. */
  set(code: string): Promise<Referral | null>;
  consent(state: Consent): void;
  optout(out?: boolean): void;
  /** Forget everything about this visitor here. */
  reset(): void;
}

export type Words = string | readonly string[];

/** The options of the tag; each becomes the attribute `data-…` of its name. */
export interface TagOptions {
  /** The publishable key of your program. */
  key: string;
  /** Where events go, like "https://shop.example/r"; by default the folder of the script. */
  api?: string;
  /** Names of URL parameters that hold a code; with a leading "+" they are added to the defaults. */
  params?: Words;
  touch?: 'last' | 'first';
  /** 1 to 400. */
  days?: number;
  /** The cookie's domain; false or "" for this host only. */
  domain?: string | false;
  /** Other sites of yours, like "shop.example" or "*.brand.example". */
  domains?: Words;
  /** The parameter that carries the visitor between them. */
  token?: string;
  /** Take the code out of the address bar. */
  clean?: boolean;
  consent?: Consent | 'auto';
  gpc?: 'honor' | 'ignore';
  /** The field forms get; false or "" for none. */
  field?: string | false;
  stripe?: boolean;
  spa?: boolean | 'auto' | 'off';
  /** Paths where new codes are ignored, like "/checkout". */
  skip?: Words;
  bots?: 'flag' | 'drop';
  /** The name of the global. */
  name?: string;
  cookie?: string;
  /** For the compat build: the currency of sales that an old call names none for. */
  currency?: string;
  debug?: boolean;
}

export interface LoadOptions extends TagOptions {
  /** Where the script is; by default `x.js` in `api`, and "/r/x.js" without one. */
  src?: string;
  /** The nonce of your Content-Security-Policy. */
  nonce?: string;
  /** The hash of a frozen script. */
  integrity?: string;
  /** How long a missing script is waited for before `ready` gives null; 10000. */
  waitMs?: number;
}

/** Load the snippet once for each address and key. On a server it loads nothing and gives an object that says so. */
export declare function load(options: LoadOptions): Molva;

/** Call back with the referral, or null, once it is known and whenever it changes; gives the function that ends it. */
export declare function watch(client: Molva, callback: (referral: Referral | null) => void): () => void;

declare global {
  /** The snippet, its stub, or nothing yet. */
  var molva: Molva | undefined;
  interface Window {
    molva?: Molva;
  }
  interface DocumentEventMap {
    'molva:ready': CustomEvent<Referral | null>;
    'molva:change': CustomEvent<Referral | null>;
  }
}
