import { onMounted, onUnmounted, shallowRef } from 'vue';
import { watch } from './index.js';

/** A ref of the referral of this browser; null until it is known and where there is none. */
export const useReferral = client => {
  const referral = shallowRef(null);
  let stop;
  onMounted(() => {
    stop = watch(client, found => { referral.value = found; });
  });
  onUnmounted(() => stop && stop());
  return referral;
};
