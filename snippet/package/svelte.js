import { readable } from 'svelte/store';
import { watch } from './index.js';

/** A store of the referral of this browser; null until it is known and where there is none. */
export const useReferral = client => readable(null, set => watch(client, set));
