import { describe, expect, test } from 'vitest';
import { RangeDigests, rangesPerPart } from './range-digests.ts';

const never = (): boolean => false;

function filled(count: number, unseenIn: readonly number[] = []): RangeDigests {
  const ranges = new RangeDigests(count, new Map(), never);
  for (const range of ranges.missing) {
    const digest = ['3', String(2n ** 62n - BigInt(range)), String(-range)] as const;
    ranges.take(range, { digest, notOurs: range % 2, unseen: unseenIn.includes(range) ? 1 : 0 });
  }
  return ranges;
}

describe('digests of ranges of pages', () => {
  test('are the same when they are known from an earlier run, in parts, as when they were read', () => {
    const read = filled(rangesPerPart + 3);
    const known = new RangeDigests(rangesPerPart + 3, read.changedParts, never);
    expect(known.missing).toEqual([]);
    expect(known.changedParts.size).toBe(0);
    expect(known.total).toEqual(read.total);
    expect(read.total).toMatchObject({ notOurs: Math.floor((rangesPerPart + 3) / 2) });
  });

  test('are read again where a page was written, where the table has grown, and where not every version was seen', () => {
    const { changedParts } = filled(6, [4]);
    const later = new RangeDigests(8, changedParts, (range) => range === 1);
    expect(later.missing).toEqual([1, 4, 6, 7]);
  });

  test('have no total as long as one was not read', () => {
    const later = new RangeDigests(6, filled(6).changedParts, (range) => range === 1);
    expect(later.missing).toEqual([1]);
    expect(() => new RangeDigests(7, filled(6).changedParts, never).total).toThrow('range 6 was not read');
  });

  test('a table that was cut has those of what is left', () => {
    const whole = filled(6);
    const cut = new RangeDigests(4, whole.changedParts, never);
    expect(cut.missing).toEqual([]);
    expect(cut.total).toEqual(filled(4).total);
  });
});
