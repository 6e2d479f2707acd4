import pg from 'pg';
import { typeOf } from '../../avro/codec.ts';
import { encodeEvent } from '../../avro/codec.ts';
import type { DecodedEvent } from '../../avro/envelope.ts';
import type { ProgressRecord } from '../../avro/progress.ts';
import { loadSchema, type RecordSchema, type SchemaName } from '../../avro/schemas.ts';
import { createRegistrationSchema } from '../registration/schema.ts';
import { registrationRoutes } from '../registration/routes.ts';
import type { FetchedRecord } from '../../topics/contract.ts';
import { Condition, freshTopics, quiet, readAll, type TestTopics } from '../../topics/kafka.fixture.ts';
import { deletingRecords } from '../../topics/delete-records.ts';
import { readLastRecords } from '../../topics/last-record.ts';
import { scanPartition } from '../../topics/partition-scan.ts';
import { openPublisher } from '../../topics/publisher.ts';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import type { StackAddresses } from '../../test/stack.setup.ts';
import type { SourceLimits, SourceSettings } from './contract.ts';
import { runSource, type SourceDependencies } from './pipeline.ts';
import { newSourceReport, type SourceReport } from './report.ts';
import { setUpSource } from './setup.ts';

/** Topic, without its prefix → schema; the ids are the places in this list, so that no registry is needed. */
const schemasByTopic: Readonly<Record<string, SchemaName>> = {
  participant: 'participant',
  distributor: 'distributor',
  'metering-point': 'metering-point',
  'appointment.mss': 'appointment-mss',
  'appointment.msa': 'appointment-msa',
  'appointment.umso': 'appointment-umso',
  'meter-asset': 'meter-asset',
  receipt: 'receipt',
};

export const testLimits: SourceLimits = {
  transactionEventsMax: 5_000,
  transactionBytesMax: 4_000_000,
  transactionAgeMaxMs: 200,
  lingerMs: 2,
  chunkRows: 2_000,
  heartbeatIntervalMs: 500,
  queueBytesMax: 16_000_000,
  silenceMaxMs: 10_000,
  retainedWalWarnBytes: 1_000_000_000,
};

export interface TestEvent extends DecodedEvent {
  readonly key: string;
  readonly topic: string;
  readonly partition: number;
}

export interface SourceAddresses {
  readonly name: string;
  readonly databaseUrl: string;
  readonly brokers: string;
  readonly limits: SourceLimits;
}

/** Everything but the processes: a database, topics, and the settings of a source over them. */
export interface SourceStage {
  readonly addresses: SourceAddresses;
  readonly settings: SourceSettings;
  readonly database: TestDatabase;
  readonly topics: TestTopics;
  readonly client: pg.Client;
  /** Committed events of a topic, partition by partition, tombstones left out. */
  events(topic: string): Promise<TestEvent[]>;
  records(topic: string): Promise<FetchedRecord[][]>;
  progress(): Promise<ProgressRecord | null>;
  close(): Promise<void>;
}

export async function openStage(stack: StackAddresses, limits: Partial<SourceLimits> = {}): Promise<SourceStage> {
  const database = await freshDatabase(stack.registrationUrl);
  const topics = await freshTopics(stack.kafkaBrokers);
  const client = new pg.Client({ connectionString: database.url });
  // A test may stop the server.
  client.on('error', () => {});
  await client.connect();
  await createRegistrationSchema(client);
  await client.query(`CREATE SCHEMA concord;
    CREATE TABLE concord.receipt (receiver text, source text, lane int, generation int, through_lsn bigint, counts jsonb,
      at timestamptz, PRIMARY KEY (receiver, source, lane))`);
  const addresses = {
    name: topics.prefix,
    databaseUrl: database.url,
    brokers: stack.kafkaBrokers,
    limits: { ...testLimits, ...limits },
  };
  const settings = settingsOf(addresses);
  for (const topic of Object.keys(schemasByTopic)) {
    await topics.create(topic, topic === 'participant' || topic === 'distributor' ? 1 : settings.partitions);
  }
  await topics.create('progress', 1);
  await topics.create('parked', 1);
  const stage: SourceStage = {
    addresses,
    settings,
    database,
    topics,
    client,
    records: (topic) => readAll(topics.connection, `${topics.prefix}.${topic}`),
    events: async (topic) => {
      const partitions = await readAll(topics.connection, `${topics.prefix}.${topic}`);
      return partitions.flatMap((records, partition) => records.flatMap((record) => decode(topic, partition, record)));
    },
    progress: () => readProgress(topics.connection, settings),
    close: async () => {
      await client.end();
      await database.drop();
      await topics.drop();
    },
  };
  return stage;
}

function decode(topic: string, partition: number, record: FetchedRecord): TestEvent[] {
  if (record.value === null) return [];
  const schema = schemaOf(topic);
  const event = typeOf(schema).fromBuffer(record.value.subarray(5)) as DecodedEvent;
  return [{ ...event, key: record.key?.toString('utf8') ?? '', topic, partition }];
}

function schemaOf(topic: string): RecordSchema {
  const name = schemasByTopic[topic];
  if (name === undefined) throw new Error(`no schema for ${topic}`);
  return loadSchema(name);
}

export function settingsOf({ name, limits }: SourceAddresses): SourceSettings {
  return {
    name,
    senderId: 'REGS',
    slot: `slot_${name.replaceAll('-', '_')}`,
    publication: 'concord',
    routes: registrationRoutes(name),
    progressTopic: `${name}.progress`,
    parkedTopic: `${name}.parked`,
    transactionalId: `${name}.source`,
    partitions: 4,
    limits,
  };
}

async function readProgress(
  connection: TestTopics['connection'],
  settings: SourceSettings,
): Promise<ProgressRecord | null> {
  const last = await readLastRecords(connection, settings.progressTopic, { keys: [settings.name] });
  const value = last.get(settings.name)?.value ?? null;
  return value === null ? null : (typeOf(loadSchema('progress')).fromBuffer(value.subarray(5)) as ProgressRecord);
}

/** What the leg needs, on the real servers. */
export function dependenciesOf(
  addresses: SourceAddresses,
  connection: TestTopics['connection'],
  report: SourceReport,
): SourceDependencies {
  const settings = settingsOf(addresses);
  const names = Object.keys(schemasByTopic);
  const short = (topic: string): string => topic.slice(addresses.name.length + 1);
  return {
    database: { connectionString: addresses.databaseUrl },
    openPublisher: () => openPublisher(connection, { transactionalId: settings.transactionalId }),
    readProgress: () => readProgress(connection, settings),
    readParked: (from, to, take) => scanPartition(connection, settings.parkedTopic ?? '', from, to, take),
    deleteRecords: deletingRecords(connection),
    encodeProgress: (record) => encodeEvent(loadSchema('progress'), 99, record),
    schemaOf: (topic) => schemaOf(short(topic)),
    schemaIdOf: (topic) => names.indexOf(short(topic)) + 1,
    log: quiet,
    report,
  };
}

export interface RunningSource {
  readonly report: SourceReport;
  /** Rejects if the leg failed. */
  stop(): Promise<void>;
  /** Resolves when the condition holds; rejects when the leg ends before. */
  until(holds: (report: SourceReport) => boolean): Promise<void>;
}

/** Makes what is missing, and runs the leg in this process. */
export async function startSource(
  stage: SourceStage,
  changes: Partial<SourceDependencies> = {},
): Promise<RunningSource> {
  await setUpSource({ connectionString: stage.database.url }, stage.settings);
  return resumeSource(stage, changes);
}

/** Runs the leg on what is there. */
export function resumeSource(stage: SourceStage, changes: Partial<SourceDependencies> = {}): RunningSource {
  const report = newSourceReport();
  const progressed = new Condition();
  const watched = new Proxy(report, {
    set: (target, name, value) => {
      const done = Reflect.set(target, name, value);
      // The last thing that is noted of a commit.
      if (name === 'bytes') progressed.poke();
      return done;
    },
  });
  const stopping = new AbortController();
  const leg = runSource(
    stage.settings,
    { ...dependenciesOf(stage.addresses, stage.topics.connection, watched), ...changes },
    stopping.signal,
  );
  leg.catch(() => {});
  return {
    report,
    stop: () => {
      stopping.abort();
      return leg;
    },
    until: (holds) =>
      Promise.race([
        progressed.until(() => holds(report)),
        leg.then(() => {
          throw new Error('the leg has ended');
        }),
      ]),
  };
}

/** Everything that is committed by now is covered by a watermark of this LSN, which an idle database reaches, too. */
export async function currentLsn(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ lsn: string }>(
    `SELECT (pg_logical_emit_message(false, 'test', '') - '0/0'::pg_lsn)::text AS lsn`,
  );
  // A commit flushes it, on servers before PostgreSQL 17 too.
  await client.query(`SELECT pg_logical_emit_message(true, 'test', '')`);
  return Number(rows[0]?.lsn) - 1;
}
