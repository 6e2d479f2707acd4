import { describe, expect, test } from 'vitest';
import { pauseAfter } from './reconcile-schedule.ts';

const minute = 60_000;

describe('the next run of a loop begins', () => {
  const after = (seconds: number, failuresInARow = 0): number =>
    pauseAfter({ startedAtMs: 7_000, endedAtMs: 7_000 + seconds * 1_000, failuresInARow }, minute) / 1_000;

  test('one interval after the last one began', () => {
    expect(after(0)).toBe(60);
    expect(after(20)).toBe(40);
  });

  test('at the next whole interval, when the last one took longer than one', () => {
    expect(after(60)).toBe(0);
    expect(after(61)).toBe(59);
    expect(after(150)).toBe(30);
  });

  test('sooner after a failure, with pauses that grow up to the interval', () => {
    expect([1, 2, 3, 4, 5, 500].map((failures) => after(3, failures))).toEqual([5, 10, 20, 40, 60, 60]);
  });

  test('no later after a failure than it would have without, when the interval is short', () => {
    expect(pauseAfter({ startedAtMs: 0, endedAtMs: 10, failuresInARow: 1 }, 1_000)).toBe(1_000);
  });
});
