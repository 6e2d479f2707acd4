import type { Explanation } from './explanation.ts';

/** What the metering store is asked for. */
export const storeExplanations: readonly Explanation[] = [
  {
    code: 'HISTORY_REMOVED',
    title: 'The history that the answer needs was removed',
    meaning:
      'Retention has removed versions from before the moment or the settlement date that was asked for. An answer from what is left could be wrong, so there is none.',
    remedy:
      'Ask for a later date and moment: `concord status` shows from when on the store can answer. An older state can be rebuilt from the topics by a replay into a second store, as far back as they are kept.',
  },
];
