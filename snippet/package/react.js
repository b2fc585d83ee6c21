import { useEffect, useState } from 'react';
import { watch } from './index.js';

/** The referral of this browser; null until it is known and where there is none. */
export const useReferral = client => {
  const [referral, setReferral] = useState(null);
  useEffect(() => watch(client, setReferral), [client]);
  return referral;
};
