import { expect, test } from 'vitest';
import { secondsLeft, tellSecondsLeft } from './estimate.ts';

test.each([
  ['a quarter done in ten seconds', { done: 250, estimate: 1_000, forMs: 10_000 }, 30],
  ['nothing done yet', { done: 0, estimate: 1_000, forMs: 10_000 }, null],
  ['no estimate', { done: 250, estimate: null, forMs: 10_000 }, null],
  ['more rows than were estimated', { done: 1_200, estimate: 1_000, forMs: 10_000 }, null],
])('with %s the rest is told as far as it is known', (_what, reading, seconds) => {
  expect(secondsLeft(reading)).toBe(seconds);
});

test('what is not known is not told', () => {
  expect([tellSecondsLeft(null), tellSecondsLeft(1_200)]).toEqual(['', ', about 1,200 s to go']);
});
