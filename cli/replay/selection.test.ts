import { expect, test } from 'vitest';
import { isSelected, isWithin, selectionOf } from './selection.ts';

const topics = ['registration.metering-point', 'registration.meter-asset'];

test('a range has both its ends, and either may be left open', () => {
  expect(selectionOf({ offsets: '10..20' }, topics, 0).offsets).toEqual({ from: 10, to: 20 });
  expect(selectionOf({ offsets: '10..' }, topics, 0).offsets).toEqual({ from: 10, to: null });
  expect(selectionOf({ lsn: '..0/FF' }, topics, 0).lsns).toEqual({ from: null, to: 255 });
  expect(selectionOf({ offsets: '7' }, topics, 0).offsets).toEqual({ from: 7, to: 7 });
  expect(isWithin({ from: 10, to: 20 }, 20)).toBe(true);
  expect(isWithin({ from: 10, to: null }, 9)).toBe(false);
  for (const offsets of ['..', 'a..b', '1..2..3']) {
    expect(() => selectionOf({ offsets }, topics, 0)).toThrow(/is no range/);
  }
});

test('a topic that nothing judges is refused, with those that there are', () => {
  expect(() => selectionOf({ topic: ['registration.receipt'] }, topics, 0)).toThrow(/registration\.metering-point/);
});

test('an asset belongs to an MPAN core by its content, other events by their key', () => {
  const source = { generation: 1, lsn: 100, ordinal: 1 };
  const of = selectionOf({ mpan: '1300000000017' }, topics, 0);
  expect(isSelected(of, '1300000000017', { source })).toBe(true);
  expect(isSelected(of, 'DEV1', { source, mpan_core: '1300000000017' })).toBe(true);
  expect(isSelected(of, 'DEV2', { source, mpan_core: '1300000000025' })).toBe(false);
  expect(isSelected(selectionOf({ lsn: '0/65..' }, topics, 0), 'DEV1', { source })).toBe(false);
});

test('a range that is the wrong way round, and a time that is none, are refused in words about them', () => {
  expect(() => selectionOf({ offsets: '9..1' }, topics, 0)).toThrow(/ends before it begins/);
  expect(() => selectionOf({ lsn: '0/2..0/1' }, topics, 0)).toThrow(/ends before it begins/);
  expect(() => selectionOf({ from: '1h', to: '2h' }, topics, 0)).toThrow(/--to 2h is before --from 1h/);
  expect(() => selectionOf({ from: 'tomorrow' }, topics, 0)).toThrow(/tomorrow is no time/);
  expect(() => selectionOf({ topic: ['registration.metering_point'] }, topics, 0)).toThrow(
    /Did you mean registration\.metering-point\?/,
  );
});
