import { randomBytes } from 'node:crypto';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { compareTable, untilEverythingIsThrough, untilReferenceDataArrived } from './agreement.fixture.ts';
import { createHelpers, insertPoints, insertReferenceData } from './registration-rows.fixture.ts';
import { RegistryProxy } from './registry-proxy.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';

/** Somebody else's producer writes on our topics what nobody can read. */
describe('a record that can not be decoded', () => {
  const { kafkaBrokers, schemaRegistryUrl } = inject('stack');
  const kafka = new Kafka({ brokers: kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
  let rig: Rig;
  let registry: RegistryProxy;
  let producer: Producer;
  let points: string;
  let participants: string;
  let schemaId: number;

  beforeAll(async () => {
    registry = await RegistryProxy.to(schemaRegistryUrl);
    rig = await Rig.create(inject('stack'), { registry: { url: registry.url } });
    points = `${rig.registrationPrefix}.metering-point`;
    participants = `${rig.registrationPrefix}.participant`;
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await untilReferenceDataArrived(rig, 8);
    producer = kafka.producer();
    await producer.connect();
    const answer = await fetch(`${schemaRegistryUrl}/subjects/${points}-value/versions/latest`);
    schemaId = ((await answer.json()) as { id: number }).id;
  });

  afterAll(async () => {
    await producer.disconnect();
    await rig.stop();
    registry.server.close();
    registry.server.closeAllConnections();
  });

  function confluent(id: number, body: Buffer): Buffer {
    const value = Buffer.alloc(5 + body.length);
    value.writeUInt32BE(id, 1);
    body.copy(value, 5);
    return value;
  }

  async function deadLetters(): Promise<readonly { topic: string; code: string; reason: string }[]> {
    const { rows } = await rig.metering.query<{ topic: string; code: string; reason: string }>(
      'SELECT topic, partition, "offset", code, reason FROM metering.dead_letter ORDER BY topic, "offset"',
    );
    return rows;
  }

  test('is set aside with its reason, and its partition goes on with the good events behind it', async () => {
    await insertPoints(rig.registration, 1, 50);
    await untilEverythingIsThrough(rig);
    const key = '1300000000017';
    const bad: readonly { key: string | null; value: Buffer }[] = [
      { key, value: Buffer.from('{"not":"avro"}') },
      { key, value: confluent(2_000_000_000, Buffer.from([0])) },
      { key, value: confluent(schemaId, Buffer.from([0x0c, 0x63])) },
      { key, value: Buffer.alloc(0) },
      { key: null, value: Buffer.from('no key 1300000000017') },
      { key, value: confluent(schemaId, randomBytes(300)) },
    ];
    // The broker itself refuses a null key on a compacted topic.
    const keyed = bad.filter((message) => message.key !== null);
    await producer.send({ topic: points, messages: keyed.map((message) => ({ ...message, partition: 1 })) });
    await producer.send({ topic: participants, messages: bad.map((message) => ({ ...message, partition: 0 })) });
    await insertPoints(rig.registration, 51, 100);
    await until('all are set aside', deadLetters, (rows) => rows.length === 11);
    const balance = await untilEverythingIsThrough(rig);
    expect(await compareTable(rig, 'metering_point', 'mpan_core')).toEqual({ same: true });
    expect(await compareTable(rig, 'participant', '(mpid, role, effective_from)')).toEqual({ same: true });
    const letters = await deadLetters();
    expect(letters.filter(({ topic }) => topic === points)).toHaveLength(5);
    expect(letters.filter(({ topic }) => topic === participants)).toHaveLength(6);
    for (const { code, reason } of letters) {
      expect(code).toMatch(/^[A-Z][A-Z_]+$/);
      expect(reason).not.toBe('');
      expect(reason).not.toContain('1300000000017');
      expect((await rig.command('explain', code)).status).toBe(0);
    }
    expect(rig.log('metering')).not.toContain('1300000000017');
    const lineOf = (topic: string): unknown => balance.topics.find((line) => line.topic === topic);
    expect(lineOf(points)).toMatchObject({ deadLettered: 5, inFlight: 0 });
    expect(lineOf(participants)).toMatchObject({ deadLettered: 6, inFlight: 0 });
    expect(await sentToDeadLetterTopic()).toEqual(
      letters.map(({ topic, code }) => ({ topic, code })).toSorted((a, b) => (a.topic < b.topic ? -1 : 1)),
    );
  });

  test('is told apart from a good one that can not be read only now: it waits until the registry is back', async () => {
    const before = (await deadLetters()).length;
    await rig.kill('metering');
    await insertPoints(rig.registration, 101, 150);
    registry.isDown = true;
    rig.start('metering');
    await until(
      'the metering side says what it waits for',
      () => Promise.resolve(rig.log('metering')),
      (log) => /REGISTRY_[A-Z]+|SCHEMA_NOT_FETCHED/.test(log),
    );
    expect(await deadLetters()).toHaveLength(before);
    registry.isDown = false;
    await untilEverythingIsThrough(rig);
    expect(await compareTable(rig, 'metering_point', 'mpan_core')).toEqual({ same: true });
    expect(await deadLetters()).toHaveLength(before);
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.rejection')).toBe(0);
  });

  /** What lies on the dead letter topic of this rig's records, each told once: a second copy does no harm. */
  async function sentToDeadLetterTopic(): Promise<readonly { topic: string; code: string }[]> {
    const topic = 'concord.dead-letter';
    const admin = kafka.admin();
    await admin.connect();
    const ends = await admin.fetchTopicOffsets(topic);
    await admin.disconnect();
    const waiting = new Map(
      ends.filter(({ high, low }) => Number(high) > Number(low)).map((one) => [one.partition, Number(one.high)]),
    );
    const found = new Map<string, { topic: string; code: string }>();
    const consumer = kafka.consumer({ groupId: `letters-${randomBytes(6).toString('hex')}` });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: ({ partition, message }) => {
            const header = (name: string): string => message.headers?.[`concord.${name}`]?.toString() ?? '';
            const from = header('topic');
            if (from === points || from === participants) {
              expect(header('reason')).not.toContain('1300000000017');
              expect(header('reason')).not.toBe('');
              found.set(`${from} ${header('partition')} ${header('offset')}`, { topic: from, code: header('code') });
            }
            if (Number(message.offset) + 1 >= (waiting.get(partition) ?? 0)) waiting.delete(partition);
            if (waiting.size === 0) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
    await consumer.disconnect();
    return [...found.values()].toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
  }
});
