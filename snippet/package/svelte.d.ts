import type { Readable } from 'svelte/store';
import type { Molva, Referral } from './index.js';

/** A store of the referral of this browser; null until it is known and where there is none. */
export declare function useReferral(client: Molva): Readable<Referral | null>;
