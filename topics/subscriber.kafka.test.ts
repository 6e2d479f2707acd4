import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { partitionName } from '../avro/progress.ts';
import { apis, BrokerProxy } from './broker-proxy.fixture.ts';
import { type KafkaConnection, prepareKafka } from './connection.ts';
import type { FetchedBatch, LaneListener, LaneSubscriber, TransactionalPublisher } from './contract.ts';
import { Condition, freshTopics, quiet, type TestTopics } from './kafka.fixture.ts';
import { openPublisher } from './publisher.ts';
import { createSubscriber } from './subscriber.ts';

const { kafkaBrokers } = inject('stack');
let topics: TestTopics;

beforeAll(async () => {
  topics = await freshTopics(kafkaBrokers);
});

afterAll(() => topics.drop());

/** What all members of a group have applied: as `applied_position` would, it outlives each of them. */
class Store {
  readonly applied = new Map<string, number>();
  readonly values = new Map<string, string[]>();
  readonly owners = new Map<number, Set<Member>>();
  readonly condition = new Condition();

  count(): number {
    return [...this.values.values()].reduce((sum, { length }) => sum + length, 0);
  }
}

class Member implements LaneListener {
  readonly lanes = new Set<number>();
  readonly faults: unknown[] = [];
  readonly batches: FetchedBatch[] = [];
  readonly #store: Store;
  readonly #topics: readonly string[];
  refuse: (batch: FetchedBatch) => boolean = () => false;

  constructor(store: Store, names: readonly string[]) {
    this.#store = store;
    this.#topics = names;
  }

  assigned(lanes: readonly number[]): Promise<ReadonlyMap<number, readonly number[]>> {
    for (const lane of lanes) {
      this.lanes.add(lane);
      const owners = this.#store.owners.get(lane) ?? new Set<Member>();
      if (owners.size > 0) this.faults.push(new Error(`lane ${lane} has another owner`));
      this.#store.owners.set(lane, owners.add(this));
    }
    this.#store.condition.poke();
    return Promise.resolve(
      new Map(lanes.map((lane) => [lane, this.#topics.map((topic) => this.expectedOffset(topic, lane))])),
    );
  }

  revoked(lanes: readonly number[]): Promise<void> {
    for (const lane of lanes) {
      this.lanes.delete(lane);
      this.#store.owners.get(lane)?.delete(this);
    }
    return Promise.resolve();
  }

  batch(batch: FetchedBatch): boolean {
    if (!this.lanes.has(batch.partition)) this.faults.push(new Error(`lane ${batch.partition} is not ours`));
    if (this.refuse(batch)) return false;
    this.batches.push(batch);
    const name = partitionName(batch.topic, batch.partition);
    if (batch.fetchedOffset !== this.expectedOffset(batch.topic, batch.partition)) {
      this.faults.push(new Error(`${name}: ${batch.fetchedOffset} was not expected`));
    }
    this.#store.applied.set(name, batch.nextOffset);
    const values = this.#store.values.get(name) ?? [];
    values.push(...batch.records.map(({ value }) => value?.toString('utf8') ?? ''));
    this.#store.values.set(name, values);
    setImmediate(() => this.#store.condition.poke());
    return true;
  }

  expectedOffset(topic: string, partition: number): number {
    return this.#store.applied.get(partitionName(topic, partition)) ?? 0;
  }

  fault(cause: unknown): void {
    this.faults.push(cause);
    this.#store.condition.poke();
  }
}

async function send(
  publisher: TransactionalPublisher,
  topic: string,
  partition: number,
  values: readonly string[],
  end: 'commit' | 'abort' = 'commit',
): Promise<number> {
  await publisher.begin();
  const keys = values.map((value) => Buffer.from(value));
  const offsets = await publisher.send([{ topic, partition, keys, values: keys }]);
  await publisher[end]();
  return offsets.get(partitionName(topic, partition)) ?? 0;
}

test('while members come and go each lane has one owner and every record is delivered once, in order', async () => {
  const names = [await topics.create('one', 4), await topics.create('two', 4)];
  const groupId = `${topics.prefix}-rebalance`;
  const publisher = await openPublisher(topics.connection, { transactionalId: groupId });
  const store = new Store();
  const members: { readonly member: Member; readonly subscriber: LaneSubscriber }[] = [];
  const join = async (): Promise<void> => {
    const member = new Member(store, names);
    const subscriber = createSubscriber(topics.connection, { groupId, topics: names, heartbeatIntervalMs: 100 });
    members.push({ member, subscriber });
    await subscriber.start(member);
  };
  const shares = (): number[] => members.map(({ member }) => member.lanes.size).toSorted((a, b) => a - b);
  const sent = new Map<string, string[]>();
  const sendRound = async (round: number): Promise<void> => {
    for (const topic of names) {
      for (let partition = 0; partition < 4; partition++) {
        const values = [`${round}a`, `${round}b`];
        await send(publisher, topic, partition, values);
        const name = partitionName(topic, partition);
        sent.set(name, [...(sent.get(name) ?? []), ...values]);
      }
    }
  };
  await join();
  await sendRound(1);
  await Promise.all([join(), sendRound(2)]);
  await store.condition.until(() => shares().join() === '2,2');
  await Promise.all([join(), sendRound(3)]);
  await store.condition.until(() => shares().join() === '1,1,2');
  const leaver = members.shift();
  if (leaver === undefined) throw new Error('nobody');
  await leaver.subscriber.stop();
  await leaver.member.revoked([...leaver.member.lanes]);
  await sendRound(4);
  await store.condition.until(() => shares().join() === '2,2' && store.count() === 4 * 16);
  expect(store.values).toEqual(sent);
  expect(members.flatMap(({ member }) => member.faults)).toEqual([]);
  expect(leaver.member.faults).toEqual([]);
  await Promise.all(members.map(({ subscriber }) => subscriber.stop()));
  await publisher.close();
});

test('offsets of markers and of aborted records count, so that the end of the log is reached', async () => {
  const topic = await topics.create('markers', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await send(publisher, topic, 0, ['a']); // 0, marker 1
  await send(publisher, topic, 0, ['b', 'c'], 'abort'); // 2 and 3, marker 4
  const store = new Store();
  const member = new Member(store, [topic]);
  const subscriber = createSubscriber(topics.connection, { groupId: topic, topics: [topic] });
  await subscriber.start(member);
  await store.condition.until(() => member.expectedOffset(topic, 0) === 5);
  await send(publisher, topic, 0, ['d']); // 5, marker 6
  await store.condition.until(() => member.expectedOffset(topic, 0) === 7);
  expect(store.values.get(partitionName(topic, 0))).toEqual(['a', 'd']);
  expect(member.batches.at(-1)?.highWatermark).toBe(7);
  await subscriber.stop();
  await publisher.close();
});

test('a batch that is refused is fetched again from the expected offset', async () => {
  const topic = await topics.create('refused', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await send(publisher, topic, 0, ['a', 'b', 'c']);
  const store = new Store();
  const member = new Member(store, [topic]);
  const name = partitionName(topic, 0);
  let refused = 0;
  member.refuse = () => {
    if (refused++ > 0) return false;
    store.applied.set(name, 1);
    return true;
  };
  const subscriber = createSubscriber(topics.connection, { groupId: topic, topics: [topic] });
  await subscriber.start(member);
  await store.condition.until(() => store.count() === 2);
  expect(store.values.get(name)).toEqual(['b', 'c']);
  expect(member.batches[0]?.fetchedOffset).toBe(1);
  await subscriber.stop();
  await publisher.close();
});

test('a paused partition brings nothing until it is resumed, and then all of it', async () => {
  const names = [await topics.create('paused', 1), await topics.create('flowing', 1)];
  const [paused = '', flowing = ''] = names;
  const publisher = await openPublisher(topics.connection, { transactionalId: paused });
  const store = new Store();
  const member = new Member(store, names);
  const subscriber = createSubscriber(topics.connection, { groupId: paused, topics: names });
  await subscriber.start(member);
  subscriber.pause(paused, 0);
  for (let round = 0; round < 5; round++) {
    await send(publisher, paused, 0, [`p${round}`]);
    await send(publisher, flowing, 0, [`f${round}`]);
  }
  await store.condition.until(() => store.values.get(partitionName(flowing, 0))?.length === 5);
  expect(store.values.get(partitionName(paused, 0)) ?? []).toEqual([]);
  subscriber.resume(paused, 0);
  await store.condition.until(() => store.values.get(partitionName(paused, 0))?.length === 5);
  expect(member.faults).toEqual([]);
  await subscriber.stop();
  await publisher.close();
});

test('to start below what is still there is a gap, named', async () => {
  const topic = await topics.create('expired', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await send(publisher, topic, 0, ['a', 'b', 'c']);
  await topics.deleteRecords(topic, 2);
  const subscriber = createSubscriber(topics.connection, { groupId: topic, topics: [topic] });
  await expect(subscriber.start(new Member(new Store(), [topic]))).rejects.toMatchObject({
    kind: 'gap',
    code: 'TOPIC_DATA_EXPIRED',
  });
  await publisher.close();
});

test('records that expire while a partition is paused are a gap too', async () => {
  const topic = await topics.create('expiring', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  const store = new Store();
  const member = new Member(store, [topic]);
  const subscriber = createSubscriber(topics.connection, { groupId: topic, topics: [topic] });
  await subscriber.start(member);
  subscriber.pause(topic, 0);
  for (let round = 0; round < 3; round++) await send(publisher, topic, 0, [`${round}`]);
  await topics.deleteRecords(topic, 4);
  subscriber.resume(topic, 0);
  await store.condition.until(() => member.faults.length > 0);
  expect(member.faults[0]).toMatchObject({ kind: 'gap', code: 'TOPIC_DATA_EXPIRED' });
  await subscriber.stop();
  await publisher.close();
});

test('to start beyond the end means that the topic was made anew', async () => {
  const topic = await topics.create('anew', 1);
  const store = new Store();
  store.applied.set(partitionName(topic, 0), 10);
  const subscriber = createSubscriber(topics.connection, { groupId: topic, topics: [topic] });
  await expect(subscriber.start(new Member(store, [topic]))).rejects.toMatchObject({
    kind: 'gap',
    code: 'TOPIC_MADE_ANEW',
  });
});

test('topics with different numbers of partitions make no lanes', async () => {
  const names = [await topics.create('four', 4), await topics.create('three', 3)];
  const subscriber = createSubscriber(topics.connection, { groupId: names.join(), topics: names });
  await expect(subscriber.start(new Member(new Store(), names))).rejects.toMatchObject({ code: 'LANES_UNEQUAL' });
});

describe('when the broker', () => {
  let proxy: BrokerProxy;
  let throughProxy: KafkaConnection;

  beforeEach(async () => {
    proxy = await BrokerProxy.open(kafkaBrokers.split(',')[0] ?? '');
    const settings = { brokers: kafkaBrokers.split(','), clientId: 'test', redirect: proxy.redirect };
    throughProxy = prepareKafka(settings, quiet);
  });

  afterEach(() => proxy.close());

  test('breaks connections in the middle of a fetch, nothing is lost or delivered twice', async () => {
    const topic = await topics.create('broken', 1);
    const publisher = await openPublisher(topics.connection, { transactionalId: topic });
    const store = new Store();
    const member = new Member(store, [topic]);
    const subscriber = createSubscriber(throughProxy, { groupId: topic, topics: [topic] });
    await subscriber.start(member);
    for (let round = 0; round < 3; round++) {
      const happened = proxy.plan(apis.fetch, round === 1 ? 'kill-before' : 'lose-response');
      await send(publisher, topic, 0, [`${round}a`, `${round}b`]);
      await happened;
    }
    await store.condition.until(() => store.count() === 6 || member.faults.length > 0);
    expect(store.values.get(partitionName(topic, 0))).toEqual(['0a', '0b', '1a', '1b', '2a', '2b']);
    expect(member.faults).toEqual([]);
    await subscriber.stop();
    await publisher.close();
  });

  test('hangs, the member is told within half a session, and another one takes its lanes over', async () => {
    const topic = await topics.create('hanging', 2);
    const publisher = await openPublisher(topics.connection, { transactionalId: topic });
    const store = new Store();
    const hanging = new Member(store, [topic]);
    const cutOff = createSubscriber(throughProxy, { groupId: topic, topics: [topic], heartbeatIntervalMs: 100 });
    await cutOff.start(hanging);
    await send(publisher, topic, 0, ['before']);
    await store.condition.until(() => store.count() === 1);
    proxy.hold();
    await store.condition.until(() => hanging.faults.length > 0);
    expect(hanging.faults).toMatchObject([{ kind: 'unavailable', code: 'KAFKA_UNAVAILABLE' }]);
    await hanging.revoked([0, 1]);
    await cutOff.stop();
    const heir = new Member(store, [topic]);
    const taker = createSubscriber(topics.connection, { groupId: topic, topics: [topic] });
    await send(publisher, topic, 0, ['after']);
    await taker.start(heir);
    await store.condition.until(() => store.count() === 2);
    expect(store.values.get(partitionName(topic, 0))).toEqual(['before', 'after']);
    await taker.stop();
    await publisher.close();
  });
});

test('the offsets that tools show are the hinted ones', async () => {
  const topic = await topics.create('hinted', 1);
  const publisher = await openPublisher(topics.connection, { transactionalId: topic });
  await send(publisher, topic, 0, ['a', 'b']);
  const store = new Store();
  const subscriber = createSubscriber(topics.connection, { groupId: topic, topics: [topic] });
  await subscriber.start(new Member(store, [topic]));
  await store.condition.until(() => store.count() === 2);
  subscriber.commitHint(topic, 0, 2);
  await subscriber.stop();
  expect(await topics.committedOffset(topic, topic)).toBe(2);
  await publisher.close();
});
