import { expect, test } from 'vitest';
import type { Position } from '../avro/position.ts';
import { newestOf } from './tail-last.ts';

const at = (lsn: number): Position => ({ generation: 1, lsn, ordinal: 0 });

test('the newest records of several partitions come in the order of their commits', () => {
  const partitions = [[1, 4, 6], [2, 3], [5]];
  expect(newestOf(partitions, at, 3)).toEqual([4, 5, 6]);
  expect(newestOf(partitions, at, 10)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a record that can not be read is as new as what comes after it in its partition', () => {
  const partitions = [
    [1, -1, 4],
    [2, 6, -2],
  ];
  const positionOf = (lsn: number): Position | null => (lsn < 0 ? null : at(lsn));
  expect(newestOf(partitions, positionOf, 10)).toEqual([1, 2, -1, 4, 6, -2]);
  expect(newestOf(partitions, positionOf, 1)).toEqual([-2]);
});
