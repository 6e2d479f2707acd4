import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createDeadLetterSender } from './dead-letter.ts';
import { freshTopics, readAll, type TestTopics } from './kafka.fixture.ts';

const { kafkaBrokers } = inject('stack');
let topics: TestTopics;

beforeAll(async () => {
  topics = await freshTopics(kafkaBrokers);
});

afterAll(() => topics.drop());

test('a dead letter keeps its bytes, and its headers say where it lay and why, without an MPAN', async () => {
  const topic = await topics.create('dead-letter', 1);
  const sender = createDeadLetterSender(topics.connection, topic);
  const letter = { topic: 'registration.metering-point', partition: 3, offset: 42, code: 'EVENT_UNREADABLE' };
  await Promise.all([
    sender.send([
      {
        ...letter,
        key: Buffer.from('1300000000007'),
        value: Buffer.from([0, 1, 2]),
        reason: 'no schema for 1300000000007',
      },
      { ...letter, key: null, value: null, reason: 'nothing in it' },
    ]),
    sender.send([{ ...letter, key: null, value: Buffer.from('x'), reason: 'not Avro' }]),
  ]);
  await sender.close();
  const [found = []] = await readAll(topics.connection, topic);
  expect(found.map(({ key, value }) => [key?.toString() ?? null, value])).toEqual([
    ['1300000000007', Buffer.from([0, 1, 2])],
    [null, null],
    [null, Buffer.from('x')],
  ]);
  const headers = Object.fromEntries(
    Object.entries(found[0]?.headers ?? {}).map(([name, value]) => [name, value.toString()]),
  );
  expect(headers).toEqual({
    'concord.topic': 'registration.metering-point',
    'concord.partition': '3',
    'concord.offset': '42',
    'concord.code': 'EVENT_UNREADABLE',
    'concord.reason': 'no schema for 13*********07',
  });
});

test('a dead letter topic that is missing is a fault, and the sender works again afterwards', async () => {
  const name = `${topics.prefix}.late-dead-letter`;
  const sender = createDeadLetterSender(topics.connection, name);
  const letter = { topic: 't', partition: 0, offset: 0, code: 'EVENT_UNREADABLE', key: null, value: null, reason: 'r' };
  await expect(sender.send([letter])).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
  await topics.create('late-dead-letter', 1);
  await sender.send([letter]);
  await sender.close();
  expect((await readAll(topics.connection, name))[0]).toHaveLength(1);
});
