import { describe, expect, test } from 'vitest';
import type { DecodedEvent } from '../../avro/envelope.ts';
import { beginning, type Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import type { FetchedRecord } from '../../topics/contract.ts';
import { batchOf, eventOf, jsonDecoder, progressOf, recordOf, sourceName } from './lane-merge.fixture.ts';
import { LaneMerge } from './lane-merge.ts';
import { PartitionQueue } from './partition-queue.ts';
import { ProgressLog } from './progress-log.ts';

const decoder = jsonDecoder<DecodedEvent>();
const limits = { batchEventsMax: 100, batchBytesMax: 1_000_000, unitEventsMax: 100, unitBytesMax: 1_000_000 };

function mergeOf(through: Position = beginning) {
  const topics = ['test.a', 'test.b'];
  const progress = new ProgressLog(topics.map((topic) => partitionName(topic, 0)));
  const start = { nextOffset: 0, taken: beginning };
  const [a, b] = topics.map((topic, rank) => new PartitionQueue(sourceName, topic, 0, rank, start, decoder));
  if (a === undefined || b === undefined) throw new Error('two topics');
  const merge = new LaneMerge([a, b], progress, { through, sourceTime: 0 }, limits);
  return { merge, progress, a, b };
}

function push(queue: PartitionQueue, events: readonly (readonly [key: string, event: DecodedEvent])[]): void {
  const from = queue.fetchedOffset;
  const records: FetchedRecord[] = events.map(([key, event], index) => recordOf(from + index, key, event));
  queue.push(batchOf(queue.topic, 0, from, from + records.length, records));
}

function keysOf(merge: LaneMerge): string[][] {
  const step = merge.next();
  return step.kind === 'batch' ? step.units.map(({ events }) => events.map(({ key }) => key)) : [];
}

describe('the merge', () => {
  test('of a linked delete and create, which share a position, the delete comes first in whichever topic it is', () => {
    const { merge, progress, a, b } = mergeOf();
    push(a, [['new', eventOf({ lsn: 10 }, 'create')]]);
    push(b, [['old', eventOf({ lsn: 10 }, 'delete')]]);
    progress.add(progressOf({ lsn: 10 }, { 'test.a/0': 1, 'test.b/0': 1 }));
    expect(keysOf(merge)).toEqual([['old', 'new']]);
  });

  test('a later generation comes after an earlier one although its LSNs are smaller', () => {
    const { merge, progress, a, b } = mergeOf();
    push(a, [['second', eventOf({ generation: 2, lsn: 10 })]]);
    push(b, [['first', eventOf({ lsn: 500 })]]);
    progress.add(progressOf({ generation: 2, lsn: 10 }, { 'test.a/0': 1, 'test.b/0': 1 }));
    expect(keysOf(merge)).toEqual([['first'], ['second']]);
  });

  test('rows of a chunk share a position and are all given away', () => {
    const { merge, progress, a } = mergeOf();
    push(
      a,
      ['x', 'y', 'z'].map((key) => [key, eventOf({ lsn: 10 }, 'read')] as const),
    );
    progress.add(progressOf({ lsn: 10 }, { 'test.a/0': 3 }));
    expect(keysOf(merge)).toEqual([['x', 'y', 'z']]);
  });

  test('two rows of a chunk that share their key too are both given away, and a copy of one is not', () => {
    const queue = new PartitionQueue(sourceName, 'test.a', 0, 0, { nextOffset: 0, taken: beginning }, decoder, 'id');
    const progress = new ProgressLog([partitionName('test.a', 0)]);
    const merge = new LaneMerge([queue], progress, { through: beginning, sourceTime: 0 }, limits);
    const row = (id: number): DecodedEvent => ({ ...eventOf({ lsn: 10 }, 'read'), id });
    push(queue, [
      ['mpan', row(1)],
      ['mpan', row(2)],
      ['mpan', row(1)],
    ]);
    progress.add(progressOf({ lsn: 10 }, { 'test.a/0': 3 }));
    expect(keysOf(merge)).toEqual([['mpan', 'mpan']]);
  });

  test('an event that comes after its place in the order was given away stops the lane', () => {
    const { merge, progress, a } = mergeOf({ generation: 1, lsn: 300, ordinal: 0 });
    push(a, [['late', eventOf({ lsn: 250 })]]);
    progress.add(progressOf({ lsn: 400 }, { 'test.a/0': 1 }));
    expect(() => merge.next()).toThrow(expect.objectContaining({ kind: 'gap', code: 'EVENT_BEHIND_WATERMARK' }));
  });

  test('a full batch ends between two transactions, and its reach is that of the last one in it', () => {
    const { merge, progress, a } = mergeOf();
    const events = Array.from({ length: 150 }, (_, index) => [`k${index}`, eventOf({ lsn: 10 + index })] as const);
    push(a, events);
    progress.add(progressOf({ lsn: 1_000 }, { 'test.a/0': 150 }));
    const step = merge.next();
    expect(step).toMatchObject({ kind: 'batch', reach: { through: { lsn: 109 }, sourceTime: 109_000 } });
    expect(step.reach?.offsets[0]).toMatchObject({ nextOffset: 100, taken: { lsn: 109 } });
    expect(merge.next()).toMatchObject({ kind: 'batch', reach: { through: { lsn: 1_000 }, sourceTime: 1_000_000 } });
  });

  test('what precedes a large transaction is applied before it, with offsets that do not cover it', () => {
    const { merge, progress, a } = mergeOf();
    push(a, [['before', eventOf({ lsn: 10 })]]);
    push(
      a,
      Array.from({ length: 250 }, (_, index) => [`k${index}`, eventOf({ lsn: 20, ordinal: index + 1 })] as const),
    );
    progress.add(progressOf({ lsn: 20 }, { 'test.a/0': 251 }));
    const first = merge.next();
    expect(first).toMatchObject({ kind: 'batch', reach: { through: { lsn: 10 } } });
    expect(first.reach?.offsets[0]?.nextOffset).toBe(1);
    const slices = [merge.next(), merge.next()];
    expect(slices.map((slice) => (slice.kind === 'slice' ? slice.events.length : 0))).toEqual([201, 49]);
    expect(slices.map(({ reach }) => reach?.through ?? null)).toEqual([null, { generation: 1, lsn: 20, ordinal: 250 }]);
  });
});
