import { expect, it } from 'vitest';
import { RetainedWal } from './retained-wal.ts';

const megabyte = 1_000_000;

function watch(): { at: (seconds: number) => void; wal: RetainedWal } {
  let now = 0;
  return { at: (seconds) => void (now = seconds * 1000), wal: new RetainedWal(() => now) };
}

it('the growth is told from the second half minute on, over the last half minute at least', () => {
  const { at, wal } = watch();
  const seen = [0, 10, 20, 30, 40, 50, 60, 70].map((seconds) => {
    at(seconds);
    // A megabyte a second for 30 s, then nothing.
    return wal.growth(Math.min(seconds, 30) * megabyte);
  });
  expect(seen.slice(0, 4)).toEqual([null, null, null, megabyte]);
  expect(seen.at(-1)).toBe(0);
});

it('nothing is told of a slot that is not there, and a shrinking is negative', () => {
  const { at, wal } = watch();
  wal.growth(30 * megabyte);
  at(30);
  expect(wal.growth(10 * megabyte)).toBeLessThan(0);
  expect(wal.growth(null)).toBeNull();
});
