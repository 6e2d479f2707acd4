import { describe, expect, test } from 'vitest';
import type { DecodedEvent } from '../../avro/envelope.ts';
import { LaneBuffer } from './lane-buffer.ts';
import { batchOf, eventOf, jsonDecoder, recordOf, sourceName } from './lane-merge.fixture.ts';
import { PartitionQueue } from './partition-queue.ts';

const decoder = jsonDecoder<DecodedEvent>();

/** Two partitions that were applied up to offset 10 and LSN 100; `valve` notes what was paused and resumed. */
function bufferOf(bytesMax = 1_000_000) {
  const valve: string[] = [];
  const start = { nextOffset: 10, taken: { generation: 1, lsn: 100, ordinal: 1 } };
  const queues = ['test.a', 'test.b'].map(
    (topic, rank) => new PartitionQueue(sourceName, topic, 0, rank, start, decoder),
  );
  const buffer = new LaneBuffer(
    queues,
    bytesMax,
    { pause: (topic) => valve.push(`pause ${topic}`), resume: (topic) => valve.push(`resume ${topic}`) },
    decoder,
  );
  return { buffer, queues, valve };
}

function fetched(topic: string, from: number, lsns: readonly number[]) {
  const records = lsns.map((lsn, index) => recordOf(from + index, `k${lsn}`, eventOf({ lsn })));
  return { ...batchOf(topic, 0, from, from + lsns.length, records), highWatermark: 1_000 };
}

describe('the buffer of a lane', () => {
  test('refuses a batch that does not begin where the last one ended, and takes it when it does', () => {
    const { buffer } = bufferOf();
    expect(buffer.accept(fetched('test.a', 11, [120]))).toBe(false);
    expect(buffer.accept(fetched('test.a', 9, [100, 110]))).toBe(false);
    expect(buffer.expectedOffset('test.a')).toBe(10);
    expect(buffer.accept(fetched('test.a', 10, [110]))).toBe(true);
    expect(buffer.expectedOffset('test.a')).toBe(11);
  });

  test('stops when a partition ends before what was applied from it', () => {
    const { buffer } = bufferOf();
    const batch = { ...fetched('test.a', 0, [10]), highWatermark: 1 };
    expect(() => buffer.accept(batch)).toThrow(expect.objectContaining({ kind: 'gap', code: 'TOPIC_MADE_ANEW' }));
  });

  test('stops when a lower offset holds a higher position than what was applied', () => {
    const { buffer } = bufferOf();
    expect(() => buffer.accept(fetched('test.a', 0, [500]))).toThrow(
      expect.objectContaining({ code: 'TOPIC_MADE_ANEW' }),
    );
  });

  test('stops when the offset that comes next never comes', () => {
    const { buffer } = bufferOf();
    const offer = (): boolean => buffer.accept(fetched('test.a', 20, [200]));
    for (let refusals = 0; refusals < 50; refusals += 1) expect(offer()).toBe(false);
    expect(offer).toThrow(expect.objectContaining({ code: 'OFFSET_OUT_OF_REACH' }));
  });

  test('pauses the partition that fills it, not the one that is waited for, and resumes when it has drained', () => {
    const { buffer, queues, valve } = bufferOf(4_000);
    const many = Array.from({ length: 30 }, (_, index) => 200 + index);
    buffer.accept(fetched('test.a', 10, many));
    expect(valve).toEqual(['pause test.a']);
    buffer.accept(fetched('test.b', 10, [150]));
    expect(valve).toEqual(['pause test.a']);
    for (const queue of queues) while (queue.peek() !== undefined) queue.take();
    buffer.drained();
    expect(valve).toEqual(['pause test.a', 'resume test.a']);
    expect(buffer.bytes).toBe(0);
  });

  test('leaves nothing paused behind', () => {
    const { buffer, valve } = bufferOf(10);
    buffer.accept(fetched('test.a', 10, [200, 201]));
    buffer.close();
    expect(valve).toEqual(['pause test.a', 'resume test.a']);
  });
});

describe('a partition of a lane', () => {
  test('an event of another source is a dead letter', () => {
    const { queues } = bufferOf();
    const [queue] = queues;
    const foreign = eventOf({ lsn: 200 });
    const record = recordOf(10, 'k', { ...foreign, source: { ...foreign.source, name: 'other' } });
    queue?.push(batchOf('test.a', 0, 10, 11, [record]));
    expect(queue?.peek()).toMatchObject({
      kind: 'letter',
      letter: { offset: 10, reason: expect.stringContaining('other') },
    });
  });

  test('fetches the schemas of what comes while others are fetched', async () => {
    const asked: number[][] = [];
    const { queues } = bufferOf();
    const waiting: (() => void)[] = [];
    const slow = {
      ...decoder,
      prepare: (ids: Iterable<number>) => {
        asked.push([...ids]);
        return new Promise<void>((resolve) => waiting.push(resolve));
      },
    };
    const buffer = new LaneBuffer(queues, 1_000_000, { pause: () => {}, resume: () => {} }, slow);
    const withSchema = (offset: number, id: number) => {
      const value = Buffer.from([0, 0, 0, 0, id]);
      return {
        ...batchOf('test.a', 0, offset, offset + 1, [{ offset, key: null, value, headers: {} }]),
        highWatermark: 100,
      };
    };
    buffer.accept(withSchema(10, 1));
    let done = false;
    const prepared = buffer.prepared().then(() => {
      done = true;
    });
    buffer.accept(withSchema(11, 2));
    waiting[0]?.();
    await Promise.resolve();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(asked).toEqual([[1], [2]]);
    expect(done).toBe(false);
    waiting[1]?.();
    await prepared;
    expect(asked).toHaveLength(2);
  });
});
