import type { ClientBase } from 'pg';
import type pg from 'pg';
import pino from 'pino';
import type { DecodedEvent } from '../../avro/envelope.ts';
import { partitionName, type ProgressRecord } from '../../avro/progress.ts';
import type {
  FetchedBatch,
  FetchedRecord,
  LaneListener,
  LaneSubscriber,
  TopicFollower,
} from '../../topics/contract.ts';
import type { LaneDomain, LaneEvent, LaneMoment, LargeUnit, OutcomeDelta, Unit } from './contract.ts';
import { batchOf, eventOf, jsonDecoder, progressOf, recordOf, sourceName } from './lane-merge.fixture.ts';
import { newSinkReport } from './report.ts';
import { type DeadLetter, defaultSinkLimits, type SinkDependencies, type SinkSettings } from './settings.ts';

export const laneTopics = ['test.a', 'test.b'];
export const referenceTopic = 'test.reference';
export const progressTopic = 'test.progress';

export const settings: SinkSettings = {
  source: sourceName,
  laneTopics,
  receiptTopics: [],
  identityItems: {},
  referenceTopics: [referenceTopic],
  progressTopic,
  partitions: 2,
  receiver: 'TEST',
  storeSchema: 'metering',
  limits: { ...defaultSinkLimits, idleIntervalMs: 0 },
};

/** An event to be written: its topic and partition, and its key. */
export interface Entry {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
}

interface Reader {
  readonly names: ReadonlySet<string>;
  readonly positions: Map<string, number>;
  readonly paused: Set<string>;
  deliver(batch: FetchedBatch): number;
}

/** The topics of one source in memory, and what reads them: it hands on batches as the real reader does. */
export class TopicsInMemory {
  readonly records = new Map<string, FetchedRecord[]>();
  private readonly readers = new Set<Reader>();
  private readonly written = new Map<string, number>();
  private lsn = 0;
  private readonly partitions: number;

  constructor(partitions = settings.partitions) {
    this.partitions = partitions;
  }

  /** One source transaction with its progress record; answers with its LSN. */
  commit(entries: readonly Entry[], { complete = true, lsn = this.lsn + 10 } = {}): number {
    this.lsn = lsn;
    entries.forEach(({ topic, partition, key }, index) => {
      this.append(topic, partition, key, eventOf({ lsn, ordinal: index + 1 }));
    });
    this.progress(progressOf({ lsn }, Object.fromEntries(this.written), complete));
    return lsn;
  }

  append(topic: string, partition: number, key: string, event: DecodedEvent | Buffer): void {
    const name = partitionName(topic, partition);
    const records = this.recordsOf(name);
    const record = recordOf(records.length, key, eventOf({ lsn: 0 }));
    records.push(Buffer.isBuffer(event) ? { ...record, value: event } : recordOf(records.length, key, event));
    this.written.set(name, records.length);
  }

  progress(record: ProgressRecord): void {
    const records = this.recordsOf(partitionName(progressTopic, 0));
    records.push({
      offset: records.length,
      key: Buffer.from(sourceName),
      value: Buffer.from(JSON.stringify(record)),
      headers: {},
    });
    this.pump();
  }

  subscriber(): LaneSubscriber {
    let reader: Reader | null = null;
    return {
      start: async (listener: LaneListener) => {
        const lanes = Array.from({ length: this.partitions }, (_, lane) => lane);
        const starts = await listener.assigned(lanes);
        const positions = new Map(
          lanes.flatMap((lane) =>
            laneTopics.map((topic, index) => [partitionName(topic, lane), starts.get(lane)?.[index] ?? 0] as const),
          ),
        );
        reader = this.attach(positions, (batch) =>
          listener.batch(batch) ? batch.nextOffset : listener.expectedOffset(batch.topic, batch.partition),
        );
      },
      pause: (topic, partition) => reader?.paused.add(partitionName(topic, partition)),
      resume: (topic, partition) => {
        reader?.paused.delete(partitionName(topic, partition));
        setImmediate(() => this.pump());
      },
      commitHint: () => {},
      stop: () => {
        if (reader !== null) this.readers.delete(reader);
        return Promise.resolve();
      },
    };
  }

  follower(): TopicFollower {
    let reader: Reader | null = null;
    return {
      start: (onBatch) => {
        const names = [progressTopic, referenceTopic].map((topic) => [partitionName(topic, 0), 0] as const);
        reader = this.attach(new Map(names), (batch) => {
          onBatch(batch);
          return batch.nextOffset;
        });
        return Promise.resolve();
      },
      stop: () => {
        if (reader !== null) this.readers.delete(reader);
        return Promise.resolve();
      },
    };
  }

  private attach(positions: Map<string, number>, deliver: (batch: FetchedBatch) => number): Reader {
    const reader: Reader = { names: new Set(positions.keys()), positions, paused: new Set(), deliver };
    this.readers.add(reader);
    setImmediate(() => this.pump());
    return reader;
  }

  /** Batches of at most 50 records, so that large transactions come in parts. */
  private pump(): void {
    for (const reader of this.readers) {
      for (const name of reader.names) {
        const [topic = '', partition] = name.split('/');
        const all = this.recordsOf(name);
        for (;;) {
          const from = reader.positions.get(name) ?? 0;
          if (from >= all.length || reader.paused.has(name) || !this.readers.has(reader)) break;
          const records = all.slice(from, from + 50);
          const batch = batchOf(topic, Number(partition), from, from + records.length, records);
          reader.positions.set(name, reader.deliver({ ...batch, highWatermark: all.length }));
        }
      }
    }
  }

  private recordsOf(name: string): FetchedRecord[] {
    let records = this.records.get(name);
    if (records === undefined) {
      records = [];
      this.records.set(name, records);
    }
    return records;
  }
}

/** Writes each event as a row, and notes how it was called. */
export class RowDomain implements LaneDomain {
  readonly primed: string[] = [];
  readonly units: string[][] = [];
  readonly moments: LaneMoment[] = [];
  readonly slices: (readonly LaneEvent[])[] = [];
  due: number | null = null;
  beforeApply: (client: ClientBase) => Promise<void> = () => Promise.resolve();
  /** May leave statements that go with the commit. */
  afterApply: (client: ClientBase) => void = () => {};
  private readonly lane: number;
  private readonly reference: string;

  constructor(lane: number, reference = referenceTopic) {
    this.lane = lane;
    this.reference = reference;
  }

  prime(_client: ClientBase, events: readonly LaneEvent[]): Promise<void> {
    this.primed.push(...events.map(({ key }) => key));
    return Promise.resolve();
  }

  async apply(client: ClientBase, units: readonly Unit[], moment: LaneMoment): Promise<readonly OutcomeDelta[]> {
    this.moments.push(moment);
    this.units.push(...units.map(({ events }) => events.map(({ key }) => key)));
    if (this.due !== null && moment.sourceTime >= this.due) this.due = null;
    await this.beforeApply(client);
    const deltas = await this.write(
      client,
      units.flatMap(({ events }) => events),
    );
    this.afterApply(client);
    return deltas;
  }

  async applyLarge(client: ClientBase, unit: LargeUnit, moment: LaneMoment): Promise<readonly OutcomeDelta[]> {
    this.moments.push(moment);
    await this.beforeApply(client);
    const deltas = [...(await this.write(client, unit.leading))];
    for await (const slice of unit.slices()) {
      this.slices.push(slice);
      deltas.push(...(await this.write(client, slice)));
    }
    return deltas;
  }

  deadline(): number | null {
    return this.due;
  }

  private async write(client: ClientBase, events: readonly LaneEvent[]): Promise<readonly OutcomeDelta[]> {
    const own = events.filter(({ topic }) => topic !== this.reference || this.lane === 0);
    await client.query('INSERT INTO applied_row (lane, key) SELECT $1, unnest($2::text[])', [
      this.lane,
      own.map(({ key }) => key),
    ]);
    return own.map(({ topic }) => ({ topic, outcome: 'applied', delta: 1 }));
  }
}

export interface Bench extends SinkDependencies {
  readonly domains: Map<number, RowDomain>;
  readonly letters: DeadLetter[];
}

/** Everything that `runSink` needs, with real PostgreSQL behind it. `prepare` sees each domain before it is used. */
export function benchOf(
  topics: TopicsInMemory,
  pool: pg.Pool,
  prepare: (domain: RowDomain, lane: number) => void = () => {},
): Bench {
  const domains = new Map<number, RowDomain>();
  const letters: DeadLetter[] = [];
  return {
    pool,
    domains,
    letters,
    openSubscriber: () => topics.subscriber(),
    openFollower: () => topics.follower(),
    eventDecoder: jsonDecoder(),
    progressDecoder: jsonDecoder(),
    createDomain: (lane) => {
      const domain = new RowDomain(lane);
      prepare(domain, lane);
      domains.set(lane, domain);
      return domain;
    },
    sendDeadLetters: (sent) => {
      letters.push(...sent);
      return Promise.resolve();
    },
    log: pino({ level: 'silent' }),
    report: newSinkReport(),
  };
}
