import type { ShallowRef } from 'vue';
import type { Molva, Referral } from './index.js';

/** A ref of the referral of this browser; null until it is known and where there is none. */
export declare function useReferral(client: Molva): Readonly<ShallowRef<Referral | null>>;
