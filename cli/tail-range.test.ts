import { expect, test } from 'vitest';
import { parseFrom, parseTime } from './tail-range.ts';

const now = Date.UTC(2026, 2, 1, 12);

test('a place in a topic is said as in other Kafka tools, or as a time', () => {
  expect(parseFrom('beginning', now)).toEqual({ kind: 'beginning' });
  expect(parseFrom('120', now)).toEqual({ kind: 'offset', offset: 120 });
  expect(parseFrom('-20', now)).toEqual({ kind: 'last', records: 20 });
  expect(parseFrom('2h', now)).toEqual({ kind: 'time', ms: Date.UTC(2026, 2, 1, 10) });
});

test('a time without a zone is UTC', () => {
  expect(parseTime('2026-03-01T06:00', now)).toBe(Date.UTC(2026, 2, 1, 6));
  expect(parseTime('2026-03-01 06:00:01.5', now)).toBe(Date.UTC(2026, 2, 1, 6, 0, 1, 500));
  expect(parseTime('2026-03-01T06:00+01:00', now)).toBe(Date.UTC(2026, 2, 1, 5));
  expect(parseTime('2026-03-01', now)).toBe(Date.UTC(2026, 2, 1));
  expect(() => parseTime('yesterday', now)).toThrow(/is no time/);
  expect(() => parseFrom('yesterday', now)).toThrow(/Say beginning/);
});
