import { expect, test } from 'vitest';
import { Segment } from './segment.ts';

function recordsOf(letter: string) {
  const value = Buffer.from(letter.repeat(1_000));
  return Array.from({ length: 60 }, (_, offset) => ({ offset, key: Buffer.from(`k${offset}`), value, headers: {} }));
}

function valuesOf(segment: Segment): string[] {
  const values: string[] = [];
  for (; !segment.done; segment.next()) values.push(segment.value?.toString('utf8').slice(0, 2) ?? '');
  return values;
}

test('memory that was let go is used again, and no other', () => {
  const first = new Segment(recordsOf('a'));
  const second = new Segment(recordsOf('b'));
  const kept = second.value;
  first.release();
  const third = new Segment(recordsOf('c'));
  expect(third.value?.buffer).toBe(first.lastValue()?.buffer);
  expect(kept?.toString('utf8').slice(0, 2)).toBe('bb');
  expect(new Set(valuesOf(second))).toEqual(new Set(['bb']));
  expect(new Set(valuesOf(third))).toEqual(new Set(['cc']));
});

test('the last value is found in memory that is longer than what is in it', () => {
  const segment = new Segment(recordsOf('a'));
  segment.release();
  const shorter = new Segment(recordsOf('b').slice(0, 40));
  expect(shorter.lastValue()?.toString('utf8')).toBe('b'.repeat(1_000));
});
