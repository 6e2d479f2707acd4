import { describe, expect, test } from 'vitest';
import { beginning } from '../../avro/position.ts';
import { progressOf } from './lane-merge.fixture.ts';
import { ProgressLog } from './progress-log.ts';

describe('the log of progress records', () => {
  test('a partition is known up to the newest record of which everything in it was fetched', () => {
    const log = new ProgressLog(['a/0', 'b/0']);
    expect(log.knownAt('a/0', 0)).toEqual(beginning);
    log.add(progressOf({ lsn: 10 }, { 'a/0': 3 }));
    log.add(progressOf({ lsn: 20 }, { 'a/0': 5, 'b/0': 1 }));
    expect(log.knownAt('a/0', 2).lsn).toBe(0);
    expect(log.knownAt('a/0', 3).lsn).toBe(10);
    expect(log.knownAt('a/0', 4).lsn).toBe(10);
    expect(log.knownAt('a/0', 5).lsn).toBe(20);
  });

  test('a partition in which nothing was ever written is covered', () => {
    const log = new ProgressLog(['a/0', 'b/0']);
    log.add(progressOf({ lsn: 10 }, { 'a/0': 3 }));
    expect(log.knownAt('b/0', 0).lsn).toBe(10);
  });

  test('in the middle of a transaction only what lies below it is covered', () => {
    const log = new ProgressLog(['a/0']);
    log.add(progressOf({ lsn: 10 }, { 'a/0': 3 }, false));
    log.add(progressOf({ lsn: 10 }, { 'a/0': 6 }, false));
    expect(log.watermark.lsn).toBe(9);
    expect(log.knownAt('a/0', 3).lsn).toBe(9);
    log.add(progressOf({ lsn: 10 }, { 'a/0': 7 }));
    expect(log.knownAt('a/0', 6).lsn).toBe(9);
    expect(log.knownAt('a/0', 7).lsn).toBe(10);
  });

  test('a new generation comes after the old one, whatever its LSN', () => {
    const log = new ProgressLog(['a/0']);
    log.add(progressOf({ lsn: 1_000 }, { 'a/0': 3 }));
    log.add(progressOf({ generation: 2, lsn: 10 }, { 'a/0': 4 }));
    expect(log.watermark).toMatchObject({ generation: 2, lsn: 10 });
    expect(log.knownAt('a/0', 3)).toMatchObject({ generation: 1, lsn: 1_000 });
  });

  test('source time is that of the last complete record at or below a position', () => {
    const log = new ProgressLog(['a/0']);
    log.add(progressOf({ lsn: 10 }, {}));
    log.add(progressOf({ lsn: 20 }, {}, false));
    expect(log.sourceTimeAt({ generation: 1, lsn: 9, ordinal: 0 })).toBe(0);
    expect(log.sourceTimeAt({ generation: 1, lsn: 10, ordinal: 0 })).toBe(10_000);
    expect(log.sourceTimeAt({ generation: 1, lsn: 19, ordinal: 0 })).toBe(10_000);
  });

  test('what is forgotten of many records makes what is known smaller, never larger, and recent ones are kept', () => {
    const log = new ProgressLog(['a/0']);
    const count = 10_000;
    for (let lsn = 1; lsn <= count; lsn += 1) log.add(progressOf({ lsn }, { 'a/0': lsn * 2 }));
    for (let back = 0; back < 1_000; back += 1) expect(log.knownAt('a/0', (count - back) * 2).lsn).toBe(count - back);
    for (let offset = 0; offset < count * 2; offset += 77) {
      expect(log.knownAt('a/0', offset).lsn).toBeLessThanOrEqual(Math.floor(offset / 2));
    }
  });
});
