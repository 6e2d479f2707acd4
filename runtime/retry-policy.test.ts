import { describe, expect, it } from 'vitest';
import { reactionTo } from './retry-policy.ts';
import { faultKinds } from './runbook.ts';

describe.each(faultKinds())('the reaction to %s', (kind) => {
  const reaction = reactionTo(kind);

  it('is told in a sentence', () => {
    expect(reaction.sentence).toMatch(/^[A-Z].*\.$/);
  });

  it('never waits less after more failures, and at most a minute', () => {
    expect(reaction.firstDelayMs).toBeGreaterThan(0);
    expect(reaction.delayMaxMs).toBeGreaterThanOrEqual(reaction.firstDelayMs);
    expect(reaction.delayMaxMs).toBeLessThanOrEqual(60_000);
  });
});

it('what mends itself is tried again within seconds, and what a person must mend is not hammered', () => {
  const table = faultKinds().map((kind) => [kind, reactionTo(kind).action, reactionTo(kind).firstDelayMs]);
  expect(table).toEqual([
    ['unavailable', 'back-off', 100],
    ['fenced', 'start-over', 200],
    ['refused', 'operator', 5_000],
    ['misconfigured', 'operator', 5_000],
    ['gap', 'operator', 60_000],
    ['corrupt', 'operator', 5_000],
  ]);
});
