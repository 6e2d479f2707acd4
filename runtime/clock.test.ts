import { expect, it } from 'vitest';
import { monotonicMs, nowMicros, nowMs, pause } from './clock.ts';

it('the three clocks tell the same time in their units', () => {
  expect(Math.abs(nowMicros() / 1000 - nowMs())).toBeLessThan(1_000);
  const before = monotonicMs();
  expect(monotonicMs()).toBeGreaterThanOrEqual(before);
});

it('a pause ends at once when the signal aborts, before or while it lasts', async () => {
  const stop = new AbortController();
  const paused = pause(3_600_000, stop.signal);
  stop.abort();
  await paused;
  await pause(3_600_000, stop.signal);
});

it('a pause ends by itself', async () => {
  await pause(1);
});
