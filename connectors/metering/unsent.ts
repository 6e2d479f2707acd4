import type { Verdict } from './rules/contract.ts';

/** What a hold is called that waits for a large value: the source reads the row again and sends it whole. */
export const unsentCode = 'VALUE_NOT_SENT';

/** Nothing can be said of a record before all of it is known; the read that brings it supersedes this. */
export function waitsForValues(items: readonly string[]): Verdict {
  return {
    kind: 'hold',
    stage: 'form',
    broken: items.map((item) => ({
      code: unsentCode,
      item,
      text: 'The source did not send this large value, because it did not change; the row is being read again.',
    })),
    warnings: [],
  };
}
