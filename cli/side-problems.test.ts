import { describe, expect, test } from 'vitest';
import { newSinkReport } from '../connectors/sink/report.ts';
import { newSourceReport } from '../connectors/source/report.ts';
import { nowMicros } from '../runtime/clock.ts';
import { newLegState } from '../runtime/keep-running.ts';
import { problemsOfSide } from './side-problems.ts';
import { newLegStates } from './sides/side.ts';
import { type SideStatus, statusForm } from './sides/status-document.ts';

const side = (changes: Partial<SideStatus>, source: Partial<SideStatus['source']> = {}): SideStatus => ({
  form: statusForm,
  side: 'registration',
  pid: 1,
  memoryBytes: 1,
  ready: true,
  text: '',
  healthy: false,
  unhealthyBecause: ['lane 0 has not moved for 40 s, not even for a heartbeat'],
  pausedSince: null,
  legs: newLegStates(),
  source: { ...newSourceReport(), name: 'registration', lsn: '0/1', ...source },
  sink: {
    source: 'metering',
    newestLsn: '0/1',
    captured: newSinkReport().captured,
    lanes: [],
    lagEvents: 0,
    lagSeconds: 0,
  },
  ...changes,
});

const codes = (one: SideStatus): readonly string[] => problemsOfSide('registration', one).map(({ code }) => code);
const leftOut = (at: number): Partial<SideStatus['source']> => ({ leftOut: { text: 'A value', count: 1, at } });

describe('what status says of a side', () => {
  test('a probe that is late is told beside a value that was left out and a table that is parked', () => {
    const parked = {
      'a.b': { code: 'TABLE_INCOMPATIBLE', text: 'x', fix: 'y', changes: 1, released: 0, bytes: 1, at: 1 },
    } as unknown as SideStatus['source']['parked'];
    expect(codes(side({}, { ...leftOut(nowMicros()), parked }))).toEqual([
      'VALUE_TOO_LARGE',
      'TABLE_INCOMPATIBLE',
      'PROBE_LATE',
    ]);
  });

  test('a value that was left out an hour ago is no problem any more', () => {
    expect(codes(side({ healthy: true }, leftOut(nowMicros() - 3_600_000_000)))).toEqual([]);
  });

  test('a probe that is late because a leg has a problem, or because the side is paused, is not told besides', () => {
    const problem = { code: 'KAFKA_UNAVAILABLE', kind: 'unavailable', text: 'away', at: 0 } as const;
    const legs = { ...newLegStates(), source: { ...newLegState(), problem } } as unknown as SideStatus['legs'];
    expect(codes(side({ legs }))).toEqual(['KAFKA_UNAVAILABLE']);
    expect(codes(side({ pausedSince: '2024-01-01T00:00:00Z' }))).toEqual(['SIDE_PAUSED']);
  });
});
