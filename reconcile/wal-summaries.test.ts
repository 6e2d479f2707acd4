import { describe, expect, test } from 'vitest';
import { marksOf, type WalMark } from './wal-summaries.ts';

const mark = (lsn: number, nextXid: number, of: Partial<WalMark> = {}): WalMark => ({
  cluster: '1',
  timeline: 1,
  lsn,
  nextXid,
  ...of,
});

describe('the marks that a snapshot leaves', () => {
  test('begin with the newest checkpoint that is older than every transaction it has seen in progress', () => {
    expect(marksOf([], mark(300, 30), 30)).toEqual([mark(300, 30)]);
    expect(marksOf([mark(100, 10), mark(200, 20)], mark(300, 30), 29)).toEqual([mark(200, 20), mark(300, 30)]);
    expect(marksOf([mark(100, 10), mark(200, 20)], mark(300, 30), 10)).toHaveLength(3);
  });

  test('are none when a transaction is older than all of them', () => {
    expect(marksOf([mark(100, 10)], mark(300, 30), 9)).toEqual([]);
  });

  test('are not of another cluster, timeline or future', () => {
    const others = [mark(100, 10, { cluster: '2' }), mark(100, 10, { timeline: 2 }), mark(400, 10)];
    expect(marksOf(others, mark(300, 30), 20)).toEqual([]);
  });

  test('do not grow for ever while one transaction stays open', () => {
    let marks: readonly WalMark[] = [mark(1, 1)];
    for (let run = 2; run < 200; run += 1) marks = marksOf(marks, mark(run, run), 1);
    expect(marks.length).toBeLessThan(100);
    expect(marks[0]).toEqual(mark(1, 1));
    expect(marks.at(-1)).toEqual(mark(199, 199));
  });
});
