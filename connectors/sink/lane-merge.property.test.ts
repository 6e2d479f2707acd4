import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DecodedEvent } from '../../avro/envelope.ts';
import { beginning } from '../../avro/position.ts';
import { partitionName, type ProgressRecord } from '../../avro/progress.ts';
import type { FetchedBatch, FetchedRecord } from '../../topics/contract.ts';
import { LaneBuffer } from './lane-buffer.ts';
import { LaneMerge } from './lane-merge.ts';
import {
  batchOf,
  eventOf,
  garbageAt,
  jsonDecoder,
  progressOf,
  recordOf,
  sourceName,
  start,
  tombstoneAt,
} from './lane-merge.fixture.ts';
import { PartitionQueue } from './partition-queue.ts';
import { ProgressLog } from './progress-log.ts';
import { ReferenceCursor, ReferenceLog } from './reference-log.ts';

const laneTopics = ['test.a', 'test.b', 'test.c'];
const referenceTopic = 'test.reference';
const decoder = jsonDecoder<DecodedEvent>();

/** Which topic each event of a source transaction goes to; 3 is the reference topic. */
type Transaction = readonly number[];

/** What a source writes: per partition its records, with a control record after each Kafka transaction. */
interface Log {
  readonly records: Map<string, FetchedRecord[]>;
  readonly ends: Map<string, number>;
  readonly progress: ProgressRecord[];
  /** lsn → keys of its events, in order. */
  readonly units: [lsn: number, keys: string[]][];
  readonly letters: number;
}

function write(transactions: readonly Transaction[], splitAt: number): Log {
  const topics = [...laneTopics, referenceTopic];
  const records = new Map<string, FetchedRecord[]>(topics.map((topic) => [topic, []]));
  const ends = new Map<string, number>(topics.map((topic) => [topic, 0]));
  const written = new Map<string, number>();
  const progress: ProgressRecord[] = [];
  const units: [number, string[]][] = [];
  let letters = 0;
  /** Copies of what is there already, as they leak from an aborted transaction. */
  const appendLeak = (
    topic: string,
    append: (topic: string, recordAt: (offset: number) => FetchedRecord) => void,
  ): void => {
    for (const record of (records.get(topic) ?? []).slice(-3)) append(topic, (offset) => ({ ...record, offset }));
  };
  const commit = (lsn: number, complete: boolean, touched: Set<string>): void => {
    const nextOffsets = Object.fromEntries([...written].map(([topic, end]) => [partitionName(topic, 0), end]));
    progress.push(progressOf({ lsn }, nextOffsets, complete));
    for (const topic of touched) ends.set(topic, (ends.get(topic) ?? 0) + 1);
  };
  transactions.forEach((transaction, index) => {
    const lsn = (index + 1) * 10;
    const keys: string[] = [];
    let touched = new Set<string>();
    const append = (topic: string, recordAt: (offset: number) => FetchedRecord): void => {
      const offset = ends.get(topic) ?? 0;
      records.get(topic)?.push(recordAt(offset));
      ends.set(topic, offset + 1);
      written.set(topic, offset + 1);
      touched.add(topic);
    };
    transaction.forEach((choice, at) => {
      const topic = topics[choice] ?? '';
      const key = `${lsn}.${at + 1}`;
      append(topic, (offset) => recordOf(offset, key, eventOf({ lsn, ordinal: at + 1 })));
      keys.push(key);
      if (choice === 0) append(topic, (offset) => tombstoneAt(offset, key));
      if (choice === 1 && at % 3 === 2) {
        append(topic, garbageAt);
        letters += 1;
      }
      if (choice === 2 && at % 2 === 1) appendLeak(topic, append);
      if ((at + 1) % splitAt === 0 && at + 1 < transaction.length) {
        commit(lsn, false, touched);
        touched = new Set();
      }
    });
    commit(lsn, true, touched);
    if (keys.length > 0) units.push([lsn, keys]);
  });
  return { records, ends, progress, units, letters };
}

/** Feeds the log in some order, and collects what the merge gives away. */
function run(log: Log, choices: readonly number[], bufferBytesMax: number, limits: { batch: number; unit: number }) {
  const progress = new ProgressLog([...laneTopics, referenceTopic].map((topic) => partitionName(topic, 0)));
  const reference = new ReferenceLog(referenceTopic, 0);
  const queues = laneTopics.map((topic, index) => new PartitionQueue(sourceName, topic, 0, index + 1, start, decoder));
  const buffer = new LaneBuffer(queues, bufferBytesMax, { pause: () => {}, resume: () => {} }, decoder);
  const merge = new LaneMerge(
    [new ReferenceCursor(reference, beginning, start), ...queues],
    progress,
    { through: beginning, sourceTime: 0 },
    {
      batchEventsMax: limits.batch,
      batchBytesMax: 1_000_000,
      unitEventsMax: limits.unit,
      unitBytesMax: bufferBytesMax / 2,
    },
  );
  const fetched = new Map<string, number>();
  const units: [number, string[]][] = [];
  let staged: string[] = [];
  let letters = 0;
  let slices = 0;
  let progressAt = 0;

  const fetch = (topic: string, count: number): boolean => {
    const queue = queues.find((one) => one.topic === topic);
    const from = fetched.get(topic) ?? 0;
    const end = log.ends.get(topic) ?? 0;
    if (queue?.paused === true || from >= end) return false;
    const to = Math.min(end, from + count);
    const records = (log.records.get(topic) ?? []).filter(({ offset }) => offset >= from && offset < to);
    const batch: FetchedBatch = batchOf(topic, 0, from, to, records);
    fetched.set(topic, to);
    if (queue !== undefined) expect(buffer.accept(batch)).toBe(true);
    else {
      for (const { offset, key, value } of records) {
        reference.addEvent(offset, String(key), decoder.decode(topic, value ?? Buffer.alloc(0)), 1);
      }
      reference.fetchedOffset = to;
    }
    return true;
  };
  const feed = (choice: number): boolean => {
    const kind = choice % 5;
    if (kind < 4) return fetch([...laneTopics, referenceTopic][kind] ?? '', 1 + (choice % 7));
    const record = log.progress[progressAt];
    if (record === undefined) return false;
    progress.add(record);
    progressAt += 1;
    return true;
  };
  /** Nothing may be given away of a transaction of which something is not fetched. */
  const assertComplete = (lsn: number, keys: readonly string[]): void => {
    expect(keys).toEqual(log.units.find(([of]) => of === lsn)?.[1]);
  };
  const drain = (): void => {
    for (;;) {
      const step = merge.next();
      buffer.drained();
      if (step.kind !== 'slice') expect(step.reach.through.lsn).toBeLessThanOrEqual(progress.watermark.lsn);
      if (step.kind === 'idle') return;
      letters += step.letters.length;
      if (step.kind === 'batch') {
        for (const unit of step.units) {
          const keys = unit.events.map(({ key }) => key);
          assertComplete(unit.lsn, keys);
          units.push([unit.lsn, keys]);
        }
        continue;
      }
      slices += 1;
      staged.push(...step.events.map(({ event }) => event.key));
      if (step.reach !== null) {
        const keys = staged.sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1]));
        assertComplete(step.reach.through.lsn, keys);
        units.push([step.reach.through.lsn, keys]);
        staged = [];
      } else if (step.events.length === 0) return;
    }
  };
  for (const choice of choices) {
    feed(choice);
    drain();
  }
  // Everything is delivered in the end: two rounds without any, because a partition that was paused at its turn may go on since.
  for (let idle = 0, choice = 0; idle < 10; choice += 1) {
    idle = feed(choice) ? 0 : idle + 1;
    drain();
  }
  const last = merge.next();
  return { units, letters, slices, through: last.kind === 'idle' ? last.reach : null };
}

const transactions = fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }), { maxLength: 25 });
const order = fc.array(fc.nat({ max: 1_000 }), { maxLength: 300 });

describe('merging a lane', () => {
  test('the same units come in the same order, complete, whatever the order in which things are fetched', () => {
    fc.assert(
      fc.property(
        transactions,
        fc.integer({ min: 1, max: 6 }),
        order,
        fc.constantFrom(300, 2_000, 1_000_000),
        fc.constantFrom(1, 3, 1_000),
        fc.constantFrom(2, 5, 1_000),
        (written, splitAt, choices, bytesMax, batch, unit) => {
          const log = write(written, splitAt);
          const given = run(log, choices, bytesMax, { batch, unit });
          expect(given.units).toEqual(log.units);
          expect(given.letters).toBe(log.letters);
          if (bytesMax === 1_000_000 && unit === 1_000) expect(given.slices).toBe(0);
          expect(given.through?.through.lsn ?? 0).toBe(written.length * 10);
        },
      ),
      {
        numRuns: 250,
        examples: [[[[0], [0, 2, 1, 2], [0], [1, 0], [0, 1, 1, 2]], 2, [4, 451, 979], 300, 1, 2]],
      },
    );
  });

  test('a transaction larger than the buffer is given away in slices, and does not stop the lane', () => {
    const large = Array.from({ length: 200 }, (_, index) => index % 3);
    const log = write([[0], large, [1, 2]], 20);
    const given = run(log, [], 2_000, { batch: 10, unit: 1_000 });
    expect(given.units).toEqual(log.units);
    expect(given.slices).toBeGreaterThan(1);
  });
});
