import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Position } from '../avro/position.ts';
import type { FetchedRecord } from './contract.ts';
import { freshTopics, type TestTopics } from './kafka.fixture.ts';
import { openPublisher } from './publisher.ts';
import { type Goal, lookUpRecords } from './record-lookup.ts';
import { type SearchedPartition, searchRecords } from './record-search.ts';

let topics: TestTopics;

beforeAll(async () => {
  topics = await freshTopics(inject('stack').kafkaBrokers);
});

afterAll(() => topics.drop());

/** Two partitions of numbers that never go back, in many transactions, with tombstones and what is no number in between. */
async function write(topic: string, partitions: readonly (readonly (number | 'broken' | null)[])[]): Promise<void> {
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  for (let from = 0; from < Math.max(...partitions.map(({ length }) => length)); from += 700) {
    await publisher.begin();
    await publisher.send(
      partitions.flatMap((values, partition) => {
        const part = values.slice(from, from + 700);
        if (part.length === 0) return [];
        return [
          {
            topic,
            partition,
            keys: part.map(() => Buffer.from('k')),
            // Some padding, so that not everything is in one fetch.
            values: part.map((value) => (value === null ? null : Buffer.from(`${value} ${'.'.repeat(60)}`))),
          },
        ];
      }),
    );
    await publisher.commit();
  }
  await publisher.close();
}

function numberOf({ value }: FetchedRecord): number | null {
  const number = Number(value?.toString().split(' ')[0] ?? Number.NaN);
  return Number.isNaN(number) ? null : number;
}

function positionAt(lsn: number | null): Position | null {
  return lsn === null ? null : { generation: 1, lsn, ordinal: 0 };
}

function goalAt(topic: string, partition: number, lsn: number): Goal {
  return { topic, partition, position: { generation: 1, lsn, ordinal: 0 }, key: 'k' };
}

function search(topic: string, goal: number, max = 10): Promise<readonly SearchedPartition[]> {
  return searchRecords(
    topics.connection,
    [topic],
    (_, record) => {
      const number = numberOf(record);
      return Promise.resolve(number === null ? null : number - goal);
    },
    max,
  );
}

test('every number is found in its partition, and none that is not there, as a reader from the start would', async () => {
  const topic = await topics.create('numbers', 2);
  const even = Array.from({ length: 5_000 }, (_, n) =>
    n % 50 === 7 ? null : n % 50 === 8 ? ('broken' as const) : n * 2,
  );
  const odd = [1, 3, 3, 3, 9_999_999];
  await write(topic, [even, odd]);
  const found = async (goal: number): Promise<unknown> =>
    (await search(topic, goal)).map(({ matches }) => matches.map(numberOf));
  for (const goal of [0, 2, 4_444, 9_998]) expect(await found(goal)).toEqual([[goal], []]);
  expect(await found(3)).toEqual([[], [3, 3, 3]]);
  expect((await search(topic, 3, 2))[1]?.matches).toHaveLength(2);
  for (const goal of [-1, 5_555, 20_000]) expect(await found(goal)).toEqual([[], []]);
  // Many at once, in any order: near each other, far from each other, several of one place, and some that are not there.
  const goals = [9_998, 0, 2, 2, 4, 1_200, 7_777, 7_780, 14, -5, 30_000].map((lsn) => goalAt(topic, 0, lsn));
  const answers = await lookUpRecords(topics.connection, [...goals, goalAt(topic, 1, 3)], (_, record) =>
    Promise.resolve(positionAt(numberOf(record))),
  );
  expect(answers.map(({ matches }) => matches.map(numberOf))).toEqual([
    [9_998],
    [0],
    [2],
    [2],
    [4],
    [1_200],
    [],
    [7_780],
    [],
    [],
    [],
    [3, 3, 3],
  ]);
  // Nothing was ever deleted here.
  expect(answers.some(({ beginsLater }) => beginsLater)).toBe(false);
});

test('where a number would lie that can not be read, the record is pointed out', async () => {
  const topic = await topics.create('broken', 1);
  await write(topic, [[1, 2, 'broken', null, 4, 5]]);
  const [partition] = await search(topic, 3);
  expect(partition?.matches).toEqual([]);
  expect(partition?.unclear.map(({ offset }) => offset)).toEqual([2]);
  expect((await search(topic, 5))[0]?.unclear).toEqual([]);
});

test('an empty topic has nothing', async () => {
  const topic = await topics.create('empty', 1);
  expect(await search(topic, 3)).toEqual([{ topic, partition: 0, matches: [], unclear: [], from: 0, end: 0 }]);
});
