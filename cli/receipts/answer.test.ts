import { describe, expect, it } from 'vitest';
import { nothingKnown, outcomeByReceiver, outcomeBySender, type ReceiverFacts, type Verdict } from './answer.ts';

const why = [{ code: 'MPAN_CHECK_DIGIT', text: 'The last digit is wrong.' }];
const letter = { code: 'EVENT_UNREADABLE', text: 'no schema' };
const acknowledged = { receiver: 'MSVA', throughLsn: 5, at: '2026-01-01T00:00:00.000Z' };

describe('what became of an event, by what its receiver keeps', () => {
  it.each<[facts: Partial<ReceiverFacts>, verdict: Verdict, outcome: string | null]>([
    [{}, 'not yet', null],
    [{ isPast: true }, 'delivered', 'unchanged or superseded'],
    [{ isPast: true, endsVersion: true }, 'delivered', 'applied'],
    [{ isPast: true, isNotOurs: true }, 'delivered', 'not ours'],
    [{ isPast: false, isNotOurs: true }, 'not yet', null],
    [{ isPast: true, isVersion: true }, 'delivered', 'applied'],
    [{ isPast: true, held: { why, due: null } }, 'held', 'held'],
    [{ isPast: true, letter }, 'dead-lettered', 'dead-lettered'],
    [{ isPast: true, rejection: { why, status: 'open' } }, 'rejected', 'rejected'],
    [{ isPast: true, rejection: { why, status: 'resolved' } }, 'rejected', 'rejected, resolved since'],
    // A rejection that was withdrawn may have been applied after all: what holds now counts.
    [{ isPast: true, isVersion: true, rejection: { why, status: 'withdrawn' } }, 'delivered', 'applied'],
    [{ isPast: true, held: { why, due: null }, rejection: { why, status: 'withdrawn' } }, 'held', 'held'],
  ])('%j: %s', (facts, verdict, outcome) => {
    expect(outcomeByReceiver({ ...nothingKnown, ...facts }, false)).toMatchObject({ verdict, outcome });
  });

  it('of a topic of which everything is applied, it is applied once it was taken', () => {
    expect(outcomeByReceiver({ ...nothingKnown, isPast: true }, true)).toMatchObject({ outcome: 'applied' });
    expect(outcomeByReceiver(nothingKnown, true)).toMatchObject({ verdict: 'not yet' });
  });
});

describe('what became of an event, by what its sender was told', () => {
  it('a rejection says why, a receipt that it was delivered, and neither is not yet', () => {
    expect(outcomeBySender({ why, status: 'open' }, acknowledged)).toMatchObject({ verdict: 'rejected', why });
    expect(outcomeBySender(null, acknowledged)).toMatchObject({ verdict: 'delivered', outcome: null });
    expect(outcomeBySender(null, null)).toMatchObject({ verdict: 'not yet' });
  });
});
