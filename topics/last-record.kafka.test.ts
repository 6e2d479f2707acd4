import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freshTopics, type TestTopics } from './kafka.fixture.ts';
import { readLastRecords } from './last-record.ts';
import { readOffsets } from './offsets.ts';
import { openPublisher } from './publisher.ts';

const { kafkaBrokers } = inject('stack');
let topics: TestTopics;

beforeAll(async () => {
  topics = await freshTopics(kafkaBrokers);
});

afterAll(() => topics.drop());

function records(
  topic: string,
  entries: readonly (readonly [string, string | null])[],
): Parameters<Awaited<ReturnType<typeof openPublisher>>['send']>[0] {
  return [
    {
      topic,
      partition: 0,
      keys: entries.map(([key]) => Buffer.from(key)),
      values: entries.map(([, value]) => (value === null ? null : Buffer.from(value))),
    },
  ];
}

test('an empty topic has no last records', async () => {
  const topic = await topics.create('empty', 1);
  expect(await readLastRecords(topics.connection, topic)).toEqual(new Map());
  expect(await readLastRecords(topics.connection, topic, { keys: ['source'] })).toEqual(new Map());
});

test('the last value of each key is found, and a key that was deleted is not', async () => {
  const topic = await topics.create('keys', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await publisher.begin();
  await publisher.send(
    records(topic, [
      ['a', '1'],
      ['b', '1'],
      ['c', '1'],
      ['a', '2'],
      ['c', null],
    ]),
  );
  await publisher.commit();
  await publisher.begin();
  await publisher.send(records(topic, [['a', 'of an aborted transaction']]));
  await publisher.abort();
  await publisher.close();
  const last = await readLastRecords(topics.connection, topic);
  const found = [...last].map(([key, { value, offset }]) => [key, [value?.toString(), offset]]);
  expect(Object.fromEntries(found)).toEqual({ a: ['2', 3], b: ['1', 1] });
});

test('a key far from the end of a long topic is found', async () => {
  const topic = await topics.create('long', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await publisher.begin();
  await publisher.send(records(topic, [['seldom', 'here']]));
  await publisher.send(
    records(
      topic,
      Array.from({ length: 20_000 }, (_, index) => ['often', String(index)] as const),
    ),
  );
  await publisher.commit();
  await publisher.close();
  const last = await readLastRecords(topics.connection, topic, { keys: ['seldom', 'often', 'never'] });
  expect([...last.keys()].toSorted()).toEqual(['often', 'seldom']);
  expect(last.get('often')?.value?.toString()).toBe('19999');
});

test("another producer's open transaction is waited for, so that the record behind it is not missed", async () => {
  const topic = await topics.create('open', 1);
  const ours = await openPublisher(topics.connection, { transactionalId: `${topic}-ours` });
  const other = await openPublisher(topics.connection, { transactionalId: `${topic}-other` });
  await ours.begin();
  await ours.send(records(topic, [['source', 'old']]));
  await ours.commit();
  await other.begin();
  await other.send(records(topic, [['other', 'x']]));
  await ours.begin();
  await ours.send(records(topic, [['source', 'new']]));
  await ours.commit();
  const hidden = readLastRecords(topics.connection, topic, { keys: ['source'], waitMs: 300 });
  await expect(hidden).rejects.toMatchObject({ kind: 'unavailable', code: 'CHECKPOINT_HIDDEN' });
  const reading = readLastRecords(topics.connection, topic, { keys: ['source'] });
  await other.commit();
  expect((await reading).get('source')?.value?.toString()).toBe('new');
  await Promise.all([ours.close(), other.close()]);
});

test('offsets are the real high watermark, open transactions or not', async () => {
  const topic = await topics.create('offsets', 2);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await publisher.begin();
  await publisher.send(
    records(topic, [
      ['a', '1'],
      ['b', '1'],
    ]),
  );
  const offsets = await readOffsets(topics.connection, [topic]);
  expect(Object.fromEntries(offsets)).toEqual({
    [`${topic}/0`]: { earliest: 0, latest: 2 },
    [`${topic}/1`]: { earliest: 0, latest: 0 },
  });
  await publisher.abort();
  await publisher.close();
});
