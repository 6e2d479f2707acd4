import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignLanes } from './lane-assigner.ts';

const group = fc.uniqueArray(
  fc.record({
    memberId: fc.string({ minLength: 1, maxLength: 6 }),
    lanes: fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 6, selector: ({ memberId }) => memberId },
);

test('every lane has exactly one member, and no member has two more than another', () => {
  fc.assert(
    fc.property(group, fc.integer({ min: 1, max: 20 }), (members, laneCount) => {
      const assigned = [...assignLanes(members, laneCount).values()];
      const lanes = assigned.flat().toSorted((a, b) => a - b);
      expect(lanes).toEqual(Array.from({ length: laneCount }, (_, lane) => lane));
      const sizes = assigned.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test('a group that has not changed keeps its lanes', () => {
  fc.assert(
    fc.property(group, fc.integer({ min: 1, max: 20 }), (members, laneCount) => {
      const before = assignLanes(members, laneCount);
      const again = assignLanes(
        members.map(({ memberId }) => ({ memberId, lanes: before.get(memberId) ?? [] })),
        laneCount,
      );
      expect(again).toEqual(before);
    }),
  );
});

test('a member that leaves moves only its own lanes', () => {
  const left = assignLanes(
    [
      { memberId: 'a', lanes: [0, 3] },
      { memberId: 'b', lanes: [1] },
    ],
    4,
  );
  expect(left.get('a')).toEqual([0, 3]);
  expect(left.get('b')).toEqual([1, 2]);
});
