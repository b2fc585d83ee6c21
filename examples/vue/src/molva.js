import { load } from 'molva-snippet';

// Without `api` the snippet is at /r on this page's own host.
export const molva = load({ key: import.meta.env.VITE_MOLVA_KEY });

/** What a person reads about a report. */
export const told = report => {
  if (report.ok) return 'Molva knows.';
  return report.queued ? 'Molva hears of it later.' : `Not reported: ${report.reason || report.status}.`;
};
