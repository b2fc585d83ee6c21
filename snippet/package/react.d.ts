import type { Molva, Referral } from './index.js';

/** The referral of this browser; null until it is known and where there is none. */
export declare function useReferral(client: Molva): Referral | null;
