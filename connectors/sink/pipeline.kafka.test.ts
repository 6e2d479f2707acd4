import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { partitionName, type ProgressRecord } from '../../avro/progress.ts';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import type { PartitionRecords, TransactionalPublisher } from '../../topics/contract.ts';
import { createFollower } from '../../topics/follower.ts';
import { until } from '../../test/rig.fixture.ts';
import { freshTopics, type TestTopics } from '../../topics/kafka.fixture.ts';
import { openPublisher } from '../../topics/publisher.ts';
import { createSubscriber } from '../../topics/subscriber.ts';
import { eventOf, progressOf, sourceName } from './lane-merge.fixture.ts';
import { runSink } from './pipeline.ts';
import type { SinkDependencies, SinkSettings } from './settings.ts';
import { benchOf, RowDomain, settings as fixtureSettings, TopicsInMemory } from './sink.fixture.ts';
import { sinkTables } from './tables.ts';

let database: TestDatabase;
let pool: pg.Pool;
let topics: TestTopics;
let settings: SinkSettings;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').meteringUrl);
  pool = new pg.Pool({ connectionString: database.url, max: 10 });
  pool.on('error', () => {});
  await pool.query(sinkTables('metering'));
  await pool.query('CREATE TABLE applied_row (id serial, lane int, key text)');
  topics = await freshTopics(inject('stack').kafkaBrokers);
  settings = {
    ...fixtureSettings,
    laneTopics: [await topics.create('a', 2), await topics.create('b', 2)],
    referenceTopics: [await topics.create('reference', 1)],
    progressTopic: await topics.create('progress', 1),
  };
});

afterAll(async () => {
  await topics.drop();
  await pool.end();
  await database.drop();
});

function dependencies(): SinkDependencies {
  const [reference = ''] = settings.referenceTopics;
  return {
    ...benchOf(new TopicsInMemory(), pool),
    createDomain: (lane) => new RowDomain(lane, reference),
    openSubscriber: () => createSubscriber(topics.connection, { groupId: topics.prefix, topics: settings.laneTopics }),
    openFollower: () => createFollower(topics.connection, [settings.progressTopic, ...settings.referenceTopics]),
  };
}

/** A sink process: ends by itself with its fault, or with null when it is stopped. */
function start(): { ended: Promise<unknown>; stop(): Promise<unknown> } {
  const abort = new AbortController();
  const ended = runSink(settings, dependencies(), abort.signal).then(
    () => null,
    (error: unknown) => error,
  );
  return {
    ended,
    stop: () => {
      abort.abort();
      return ended;
    },
  };
}

/** Writes source transactions as a source does, some of them over several Kafka transactions, some aborted first. */
class Source {
  readonly units: { lsn: number; keys: { key: string; lane: number }[] }[] = [];
  private readonly publisher: TransactionalPublisher;
  private readonly next = new Map<string, number>();
  private lsn = 0;

  constructor(publisher: TransactionalPublisher) {
    this.publisher = publisher;
  }

  async write(count: number, random: () => number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      this.lsn += 10;
      const keys: { key: string; lane: number }[] = [];
      const parts = 1 + Math.floor(random() * 3);
      for (let part = 1; part <= parts; part += 1) {
        const records = this.recordsOf(keys, Math.floor(random() * 8), random);
        if (random() < 0.2) await this.transact(records, false, true);
        await this.transact(records, part === parts, false);
      }
      this.units.push({ lsn: this.lsn, keys });
    }
  }

  private recordsOf(keys: { key: string; lane: number }[], count: number, random: () => number): PartitionRecords[] {
    return Array.from({ length: count }, () => {
      const ordinal = keys.length + 1;
      const key = `${this.lsn}.${ordinal}`;
      const [a = '', b = ''] = settings.laneTopics;
      const [reference = ''] = settings.referenceTopics;
      const choice = random();
      const topic = choice < 0.1 ? reference : choice < 0.5 ? a : b;
      const partition = topic === reference ? 0 : Math.floor(random() * 2);
      keys.push({ key, lane: partition });
      const value = Buffer.from(JSON.stringify(eventOf({ lsn: this.lsn, ordinal })));
      return { topic, partition, keys: [Buffer.from(key)], values: [value] };
    });
  }

  private async transact(records: readonly PartitionRecords[], complete: boolean, aborted: boolean): Promise<void> {
    await this.publisher.begin();
    const next = new Map(this.next);
    for (const one of records) {
      for (const [name, offset] of await this.publisher.send([one])) next.set(name, offset);
    }
    const progress: ProgressRecord = progressOf({ lsn: this.lsn }, Object.fromEntries(next), complete);
    await this.publisher.send([
      {
        topic: settings.progressTopic,
        partition: 0,
        keys: [Buffer.from(sourceName)],
        values: [Buffer.from(JSON.stringify(progress))],
      },
    ]);
    if (aborted) {
      await this.publisher.abort();
      return;
    }
    await this.publisher.commit();
    for (const [name, offset] of next) this.next.set(name, offset);
  }
}

/** Always the same numbers, so that a failure comes again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

async function positionReached(lsn: number): Promise<void> {
  await until(
    `every lane is at ${lsn}`,
    async () => (await pool.query('SELECT FROM metering.applied_position WHERE lsn >= $1', [lsn])).rows.length,
    (lanes) => lanes === settings.partitions,
  );
}

/** The store cuts every connection. Who has no lane in that moment, between two generations of the group, notices nothing: so again. */
async function cutUntilItEnds(process: { ended: Promise<unknown> }): Promise<unknown> {
  let fault: unknown;
  void process.ended.then((ending) => {
    fault = ending;
  });
  return until(
    'a process whose connections are cut ends',
    async () => {
      await pool.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      return fault;
    },
    (ending) => ending !== undefined,
  );
}

describe('the sink on Kafka', () => {
  test('applies every event once, in commit order and whole transactions, through restarts and rebalances', async () => {
    const publisher = await openPublisher(topics.connection, { transactionalId: topics.prefix });
    const source = new Source(publisher);
    const random = randomFrom(7);
    let first = start();
    await source.write(20, random);
    await positionReached(200);
    // A second process takes half of the lanes, then all of them.
    const second = start();
    await source.write(20, random);
    await positionReached(400);
    expect(await first.stop()).toBeNull();
    await source.write(20, random);
    await positionReached(600);
    // The store fails while a third process joins.
    first = start();
    await source.write(10, random);
    expect(await cutUntilItEnds(second)).toMatchObject({ kind: 'unavailable' });
    await first.stop();
    const last = start();
    await source.write(10, random);
    await positionReached(800);
    expect(await last.stop()).toBeNull();
    await publisher.close();

    const { rows } = await pool.query<{ lane: number; key: string; batch: string }>(
      'SELECT lane, key, xmin::text AS batch FROM applied_row ORDER BY id',
    );
    for (let lane = 0; lane < settings.partitions; lane += 1) {
      const expected = source.units.flatMap(({ keys }) =>
        keys.filter((one) => one.lane === lane).map(({ key }) => key),
      );
      expect(rows.filter((row) => row.lane === lane).map(({ key }) => key)).toEqual(expected);
    }
    // No source transaction is spread over two batches of its lane.
    const batches = new Map<string, Set<string>>();
    for (const { lane, key, batch } of rows) {
      const unit = partitionName(key.split('.')[0] ?? '', lane);
      batches.set(unit, (batches.get(unit) ?? new Set()).add(batch));
    }
    expect([...batches.values()].every((of) => of.size === 1)).toBe(true);
    const { rows: counted } = await pool.query<{ count: string }>('SELECT sum(count) AS count FROM metering.outcome');
    expect(Number(counted[0]?.count)).toBe(rows.length);
  });
});
