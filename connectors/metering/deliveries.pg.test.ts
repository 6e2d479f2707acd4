import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { runSink } from '../sink/pipeline.ts';
import { newSinkReport } from '../sink/report.ts';
import { defaultSinkLimits, type SinkLimits, type SinkSettings } from '../sink/settings.ts';
import { jsonDecoder } from '../sink/lane-merge.fixture.ts';
import type { Unit } from '../sink/contract.ts';
import { createMeteringDomain } from './domain.ts';
import {
  laneTopics,
  lanes,
  type Log,
  Member,
  progressTopic,
  referenceTopics,
  source,
  written,
} from './deliveries.fixture.ts';
import { histories } from './history.fixture.ts';
import { defaultParameters } from './rules/parameters.ts';
import { storeContents } from './store-contents.fixture.ts';
import { openStore, silent, type TestStore } from './store.fixture.ts';
import { appointmentEvent, mpanOf, participantEvent, pointEvent, unit } from './world.fixture.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openStore(inject('stack').meteringUrl);
});

afterAll(() => store.close());

const settings: SinkSettings = {
  source,
  laneTopics,
  receiptTopics: [],
  identityItems: { [`${source}.appointment.mss`]: 'appointment_id' },
  referenceTopics,
  progressTopic,
  partitions: lanes,
  receiver: 'MSVA',
  storeSchema: 'metering',
  limits: { ...defaultSinkLimits, idleIntervalMs: 0 },
};

/** Everything in small pieces: units in slices, and what is staged goes to the store. */
const tight: Partial<SinkLimits> = {
  batchEventsMax: 2,
  unitEventsMax: 2,
  unitBytesMax: 1_500,
  spoolBytesMax: 600,
  laneBufferBytesMax: 3_000,
};

/** A process of the sink, which can be ended in order or killed at the server, and begins again as a new one does. */
class Process {
  readonly member: Member;
  private readonly pool: pg.Pool;
  private readonly name: string;
  private readonly limits: SinkLimits;
  private stop = new AbortController();
  private ended: Promise<unknown> = Promise.resolve();

  constructor(log: Log, name: string, limits: SinkLimits) {
    this.member = new Member(log);
    this.name = name;
    this.limits = limits;
    this.pool = new pg.Pool({ connectionString: store.database.url, application_name: name, max: lanes });
    this.pool.on('error', () => {});
  }

  async start(owned: readonly number[]): Promise<void> {
    this.stop = new AbortController();
    this.member.fetched.clear();
    const domain = createMeteringDomain(
      { source, partitions: lanes, ruleParameters: defaultParameters },
      { log: silent },
    );
    this.ended = runSink(
      { ...settings, limits: this.limits },
      {
        pool: this.pool,
        openSubscriber: () => this.member.subscriber(),
        openFollower: () => this.member.follower(),
        eventDecoder: jsonDecoder(),
        progressDecoder: jsonDecoder(),
        createDomain: domain,
        sendDeadLetters: () => Promise.reject(new Error('nothing here is unreadable')),
        log: silent,
        report: newSinkReport(),
      },
      this.stop.signal,
    ).then(
      () => null,
      (error: unknown) => error,
    );
    while (this.member.listener === null) await soon();
    for (const lane of owned) await this.member.take(lane);
  }

  /** `kill`: the server ends its sessions wherever they are, as when the process dies. */
  async restart(kill: boolean): Promise<void> {
    const owned = [...this.member.owned];
    await this.end(kill);
    await this.start(owned);
  }

  async end(kill: boolean): Promise<void> {
    this.member.owned.clear();
    if (kill) {
      await store.rows(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '${this.name}'`,
      );
    }
    this.stop.abort();
    const failure = await this.ended;
    if (!kill) expect(failure).toBeNull();
  }

  async close(): Promise<void> {
    await this.end(false);
    await this.pool.end();
  }
}

function soon(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

const partitions = [
  ...laneTopics.flatMap((topic) => Array.from({ length: lanes }, (_, lane) => [topic, lane] as const)),
  ...[progressTopic, ...referenceTopics, progressTopic].map((topic) => [topic, 0] as const),
];

/** Applies a log from zero, delivered as the choices say, and answers with all that is in the store then. */
async function delivered(log: Log, choices: readonly number[], limits: Partial<SinkLimits> = {}): Promise<unknown> {
  await store.empty();
  const two = ['one', 'other'].map((name) => new Process(log, name, { ...settings.limits, ...limits }));
  const [one, other] = two as [Process, Process];
  await one.start([0, 2]);
  await other.start([1]);
  for (const choice of choices) {
    const [process, another] = choice % 2 === 0 ? [one, other] : [other, one];
    const what = Math.floor(choice / 2);
    if (what % 40 === 0) await process.restart(what % 80 === 0);
    else if (what % 40 === 1) {
      for (const lane of [...process.member.owned].slice(0, 1)) {
        await process.member.give(lane);
        await another.member.take(lane);
      }
    } else {
      const [topic, partition] = partitions[what % partitions.length] ?? [progressTopic, 0];
      process.member.fetch(topic, partition, 1 + (what % 7));
      for (let turn = what % 4; turn > 0; turn -= 1) await soon();
    }
  }
  await untilAllIsApplied(log, two);
  for (const process of two) await process.close();
  return storeContents(store);
}

async function untilAllIsApplied(log: Log, processes: readonly Process[]): Promise<void> {
  for (;;) {
    for (const { member } of processes) {
      for (const [topic, partition] of partitions) while (member.fetch(topic, partition, 50));
    }
    const behind = await store.rows(
      `SELECT FROM metering.applied_position WHERE source = '${source}' AND lsn = ${log.lastLsn}`,
    );
    if (behind.length === lanes) return;
  }
}

/** Two large transactions about many points, refused and held ones among them, around a random history; then what releases. */
function withLargeOnes(units: readonly Unit[]): readonly Unit[] {
  const [reference, ...others] = units;
  const last = others.at(-1);
  if (reference === undefined || last === undefined) return units;
  const at = (last.events[0]?.event.source.sourceTime ?? 0) + 1;
  const large = (lsn: number, recordType: 'create' | 'update', stamp: { readonly at?: number }): Unit =>
    unit(
      lsn,
      ...Array.from({ length: 16 }, (_, n) => n + 10).flatMap((n, index) => [
        appointmentEvent(
          mpanOf(n),
          n,
          recordType,
          { lsn, ordinal: 2 * index + 1, ...stamp },
          n % 5 === 0 ? { supplier_mpid: 'SUPC' } : {},
        ),
        pointEvent(
          mpanOf(n),
          recordType,
          { lsn, ordinal: 2 * index + 2, ...stamp },
          {
            ...(n % 5 === 0 ? { supplier_mpid: 'SUPC' } : {}),
            ...(n % 7 === 0 ? { gsp_group: '_O' } : {}),
            opt_out: recordType === 'update',
          },
        ),
      ]),
    );
  const end = last.lsn;
  const released = participantEvent('SUPC', 'X', 'update', { lsn: end + 2, at }, { effective_to: null });
  return [reference, large(5, 'create', {}), ...others, large(end + 1, 'update', { at }), unit(end + 2, released)];
}

const choices = fc.array(fc.nat({ max: 100_000 }), { minLength: 50, maxLength: 400 });

test('any delivery, with processes that share the lanes, are restarted and killed, gives the same store, to the row', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      histories.map(withLargeOnes),
      fc.array(choices, { minLength: 2, maxLength: 2 }),
      fc.integer({ min: 0, max: 25 }),
      async (units, [first = [], second = []], loadedLsn) => {
        const expected = await delivered(written(units, 1, loadedLsn), []);
        expect(await delivered(written(units, 3, loadedLsn), first)).toEqual(expected);
        expect(await delivered(written(units, 5, loadedLsn), second, tight)).toEqual(expected);
      },
    ),
    // Making a failure smaller would take minutes; its seed is printed.
    { numRuns: 6, endOnFailure: true },
  );
});
