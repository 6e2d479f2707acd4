import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { partitionName } from '../avro/progress.ts';
import { Fault } from '../runtime/fault.ts';
import { apis, BrokerProxy } from './broker-proxy.fixture.ts';
import { prepareKafka, type KafkaConnection } from './connection.ts';
import type { PartitionRecords, TransactionalPublisher } from './contract.ts';
import { freshTopics, quiet, readAll, type TestTopics, texts } from './kafka.fixture.ts';
import { readLastRecords } from './last-record.ts';
import { openPublisher } from './publisher.ts';

const { kafkaBrokers } = inject('stack');
let topics: TestTopics;
let proxy: BrokerProxy;
let throughProxy: KafkaConnection;

beforeAll(async () => {
  topics = await freshTopics(kafkaBrokers);
  proxy = await BrokerProxy.open(kafkaBrokers.split(',')[0] ?? '');
  throughProxy = prepareKafka({ brokers: kafkaBrokers.split(','), clientId: 'test', redirect: proxy.redirect }, quiet);
});

afterAll(async () => {
  await proxy.close();
  await topics.drop();
});

function records(topic: string, partition: number, values: readonly (string | null)[]): PartitionRecords {
  return {
    topic,
    partition,
    keys: values.map((_, index) => Buffer.from(`k${index}`)),
    values: values.map((value) => (value === null ? null : Buffer.from(value))),
  };
}

/** Sends 1, 2, 3 … up to `count` through one failure after another, as the source does: each with its checkpoint. */
async function publishAll(
  connection: KafkaConnection,
  name: string,
  count: number,
): Promise<{ topic: string; openings: number }> {
  const topic = await topics.create(`${name}.data`, 2);
  const checkpoints = await topics.create(`${name}.progress`, 1, { 'cleanup.policy': 'compact' });
  let openings = 0;
  let publisher: TransactionalPublisher | null = null;
  for (;;) {
    try {
      openings++;
      publisher = await openPublisher(connection, { transactionalId: topic, callLimitMs: 3_000 });
      const last = (await readLastRecords(topics.connection, checkpoints, { keys: ['source'] })).get('source');
      for (let next = Number(last?.value?.toString() ?? '0') + 1; next <= count; next++) {
        await publisher.begin();
        await publisher.send([records(topic, next % 2, [`${next}a`, `${next}b`])]);
        await publisher.sendAndTell([records(topic, next % 2, [`${next}c`])], () => ({
          topic: checkpoints,
          partition: 0,
          keys: [Buffer.from('source')],
          values: [Buffer.from(String(next))],
        }));
        await publisher.commit();
      }
      await publisher.close();
      return { topic, openings };
    } catch (cause) {
      if (publisher === null || openings > 10) throw cause;
      await publisher.close();
    }
  }
}

function expected(partition: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => index + 1)
    .filter((one) => one % 2 === partition)
    .flatMap((one) => [`${one}a`, `${one}b`, `${one}c`]);
}

describe('next offsets', () => {
  test('are the offsets after the last record of each partition', async () => {
    const topic = await topics.create('offsets', 3);
    const publisher = await openPublisher(topics.connection, { transactionalId: topic });
    await publisher.begin();
    const first = await publisher.send([records(topic, 0, ['a', 'b', null]), records(topic, 2, ['c'])]);
    expect(Object.fromEntries(first)).toEqual({ [partitionName(topic, 0)]: 3, [partitionName(topic, 2)]: 1 });
    const second = await publisher.send([records(topic, 0, ['d']), records(topic, 1, [])]);
    expect(Object.fromEntries(second)).toEqual({ [partitionName(topic, 0)]: 4 });
    await publisher.commit();
    await publisher.close();
    expect((await readAll(topics.connection, topic)).map(texts)).toEqual([['a', 'b', '(tombstone)', 'd'], [], ['c']]);
  });

  test('count all batches when records are more than one batch takes', async () => {
    const topic = await topics.create('batches', 2);
    const publisher = await openPublisher(topics.connection, { transactionalId: topic, batchBytesMax: 500 });
    const values = Array.from({ length: 100 }, (_, index) => `value ${index}`);
    await publisher.begin();
    const offsets = await publisher.send([records(topic, 0, values), records(topic, 1, values.slice(0, 30))]);
    expect(Object.fromEntries(offsets)).toEqual({ [partitionName(topic, 0)]: 100, [partitionName(topic, 1)]: 30 });
    await publisher.commit();
    await publisher.close();
    expect((await readAll(topics.connection, topic)).map(texts)).toEqual([values, values.slice(0, 30)]);
  });
});

describe('the record that tells the offsets', () => {
  /** Sends the values, and beside them what the next offset of their partition is. */
  async function sendAndTell(
    publisher: TransactionalPublisher,
    topic: string,
    values: readonly string[],
  ): Promise<void> {
    await publisher.begin();
    await publisher.sendAndTell([records(topic, 0, values)], (next) =>
      records(topic, 1, [`next ${next.get(partitionName(topic, 0)) ?? 'unknown'}`]),
    );
    await publisher.commit();
  }

  test('takes no request of its own once the offsets can be foretold', async () => {
    const topic = await topics.create('told', 2);
    const publisher = await openPublisher(throughProxy, { transactionalId: topic });
    await sendAndTell(publisher, topic, ['a']);
    // What waits for the markers of the transaction before asks again.
    const asked = async (): Promise<number[]> => {
      const before = proxy.requests.length;
      await sendAndTell(publisher, topic, ['b', 'c']);
      return [...new Set(proxy.requests.slice(before))];
    };
    expect(await asked()).toEqual([apis.addPartitions, apis.produce, apis.endTransaction]);
    expect(await asked()).toEqual([apis.addPartitions, apis.produce, apis.endTransaction]);
    await publisher.close();
    // A marker follows each transaction.
    expect((await readAll(topics.connection, topic)).map(texts)).toEqual([
      ['a', 'b', 'c', 'b', 'c'],
      ['next 1', 'next 4', 'next 7'],
    ]);
  });

  test('is right when somebody else has written meanwhile, and what was foretold wrongly is never read', async () => {
    const topic = await topics.create('mistold', 2);
    const publisher = await openPublisher(topics.connection, { transactionalId: topic });
    const other = await openPublisher(topics.connection, { transactionalId: `${topic}-other` });
    await sendAndTell(publisher, topic, ['a']);
    await other.begin();
    await other.send([records(topic, 0, ['of the other'])]);
    await other.commit();
    await sendAndTell(publisher, topic, ['b']);
    await sendAndTell(publisher, topic, ['c']);
    await Promise.all([publisher.close(), other.close()]);
    // 0 a, 1 marker, 2 of the other, 3 marker, 4 b and 5 its abort, 6 b, 7 marker, 8 c.
    expect((await readAll(topics.connection, topic)).map(texts)).toEqual([
      ['a', 'of the other', 'b', 'c'],
      ['next 1', 'next 7', 'next 9'],
    ]);
  });

  test('is right after sends that were not foretold', async () => {
    const topic = await topics.create('sent-before', 2);
    const publisher = await openPublisher(topics.connection, { transactionalId: topic });
    await sendAndTell(publisher, topic, ['a']);
    await publisher.begin();
    await publisher.send([records(topic, 0, ['b'])]);
    await publisher.sendAndTell([records(topic, 0, ['c'])], (next) =>
      records(topic, 1, [`next ${next.get(partitionName(topic, 0)) ?? 'unknown'}`]),
    );
    await publisher.commit();
    await sendAndTell(publisher, topic, ['d']);
    await publisher.close();
    expect((await readAll(topics.connection, topic)).map(texts)[1]).toEqual(['next 1', 'next 4', 'next 6']);
  });
});

describe('every record is in the log once', () => {
  test('when the response to a produce request is lost', async () => {
    const happened = [1, 5].map((skip) => proxy.plan(apis.produce, 'lose-response', skip));
    const { topic } = await publishAll(throughProxy, 'lost', 8);
    await Promise.all(happened);
    const found = (await readAll(topics.connection, topic)).map(texts);
    expect(found).toEqual([expected(0, 8), expected(1, 8)]);
  });

  test('when the answer to a produce request never comes and the watchdog ends the wait', async () => {
    const happened = proxy.plan(apis.produce, 'swallow-response', 3);
    const { topic, openings } = await publishAll(throughProxy, 'swallowed', 5);
    await happened;
    expect(openings).toBe(2);
    expect((await readAll(topics.connection, topic)).map(texts)).toEqual([expected(0, 5), expected(1, 5)]);
  });

  test('when the connection is killed in the middle of a commit that happens', async () => {
    const happened = proxy.plan(apis.endTransaction, 'lose-response', 2);
    const { topic, openings } = await publishAll(throughProxy, 'killed', 6);
    await happened;
    expect(openings).toBe(2);
    expect((await readAll(topics.connection, topic)).map(texts)).toEqual([expected(0, 6), expected(1, 6)]);
  });

  test('when a commit fails that does not happen', async () => {
    const happened = proxy.plan(apis.endTransaction, 'kill-before', 2);
    const { topic, openings } = await publishAll(throughProxy, 'failed', 6);
    await happened;
    expect(openings).toBe(2);
    expect((await readAll(topics.connection, topic)).map(texts)).toEqual([expected(0, 6), expected(1, 6)]);
  });

  test('when the connection breaks before a produce request arrives', async () => {
    const happened = proxy.plan(apis.produce, 'kill-before', 3);
    const { topic } = await publishAll(throughProxy, 'broken', 6);
    await happened;
    expect((await readAll(topics.connection, topic)).map(texts)).toEqual([expected(0, 6), expected(1, 6)]);
  });
});

test('a zombie is fenced when another instance opens, and what it left open is aborted', async () => {
  const topic = await topics.create('fenced', 1);
  const zombie = await openPublisher(topics.connection, { transactionalId: topic });
  await zombie.begin();
  await zombie.send([records(topic, 0, ['of the zombie'])]);
  const heir = await openPublisher(topics.connection, { transactionalId: topic });
  await expect(zombie.send([records(topic, 0, ['again'])])).rejects.toMatchObject({
    kind: 'fenced',
    code: 'PUBLISHER_FENCED',
  });
  await heir.begin();
  await heir.send([records(topic, 0, ['of the heir'])]);
  await heir.commit();
  await Promise.all([zombie.close(), heir.close()]);
  expect((await readAll(topics.connection, topic)).map(texts)).toEqual([['of the heir']]);
});

test('a failed call leaves the publisher dead, with the same fault for every later call', async () => {
  const topic = await topics.create('poisoned', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await publisher.begin();
  const missing = publisher.send([records(`${topic}-that-is-not-there`, 0, ['x'])]);
  await expect(missing).rejects.toMatchObject({ kind: 'misconfigured', code: 'TOPIC_MISSING' });
  await expect(publisher.send([records(topic, 0, ['x'])])).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
  await expect(publisher.commit()).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
  await publisher.close();
});

test('a publisher that is closed in the middle of a transaction ends it, so that nobody waits for it', async () => {
  const topic = await topics.create('closed', 1);
  const leaver = await openPublisher(topics.connection, { transactionalId: `${topic}-leaver` });
  const other = await openPublisher(topics.connection, { transactionalId: `${topic}-other` });
  await leaver.begin();
  await leaver.send([records(topic, 0, ['never committed'])]);
  await leaver.close();
  await other.begin();
  await other.send([records(topic, 0, ['committed'])]);
  await other.commit();
  await other.close();
  expect((await readAll(topics.connection, topic)).map(texts)).toEqual([['committed']]);
});

test('a bug in what is sent stays a bug, and is not retried as an outage', async () => {
  const topic = await topics.create('bug', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await publisher.begin();
  const twice = publisher.send([records(topic, 0, ['a']), records(topic, 0, ['b'])]);
  await expect(twice).rejects.toThrow('a partition may come only once in a send');
  await expect(twice).rejects.not.toBeInstanceOf(Fault);
  await publisher.close();
});

test('a second send at the same time is refused', async () => {
  const topic = await topics.create('concurrent', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await publisher.begin();
  const first = publisher.send([records(topic, 0, ['a'])]);
  await expect(publisher.send([records(topic, 0, ['b'])])).rejects.toThrow('the publisher is busy');
  await first;
  await publisher.commit();
  await publisher.close();
  expect((await readAll(topics.connection, topic)).map(texts)).toEqual([['a']]);
});

test('a broker that is not there is a fault within a few seconds', async () => {
  const nowhere = prepareKafka({ brokers: ['127.0.0.1:1'], clientId: 'test' }, quiet);
  const begun = performance.now();
  await expect(openPublisher(nowhere, { transactionalId: 'nobody' })).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'KAFKA_UNAVAILABLE',
  });
  expect(performance.now() - begun).toBeLessThan(8_000);
});
