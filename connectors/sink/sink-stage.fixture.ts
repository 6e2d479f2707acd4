import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, inject } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { runSink } from './pipeline.ts';
import type { SinkDependencies, SinkSettings } from './settings.ts';
import { settings, TopicsInMemory } from './sink.fixture.ts';
import { sinkTables } from './tables.ts';

interface Running {
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** For the sink over a real store: a database for the file, and for each test empty topics and an empty store. */
export interface SinkStage {
  readonly database: TestDatabase;
  readonly pool: pg.Pool;
  topics: TopicsInMemory;
  /** Runs a sink until the test ends; `ended` tells how it ended. */
  readonly start: (bench: SinkDependencies, changed?: Partial<SinkSettings>) => Running;
  /** Looks again and again: what is waited for is another connection's commit. */
  readonly until: <T>(read: () => Promise<T>, holds: (value: T) => boolean) => Promise<T>;
  /** The keys of all events that were applied. */
  readonly rows: () => Promise<string[]>;
  readonly applied: (count: number) => Promise<string[]>;
  readonly position: (lane: number) => Promise<number>;
  readonly outcomes: () => Promise<Record<string, number>>;
}

/** To be called at the top of a test file. */
export function sinkStage(): SinkStage {
  let database: TestDatabase;
  let pool: pg.Pool;
  let topics = new TopicsInMemory();
  let stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    database = await freshDatabase(inject('stack').meteringUrl);
    pool = new pg.Pool({ connectionString: database.url, max: 10 });
    pool.on('error', () => {});
    // Twice: making them again changes nothing.
    await pool.query(sinkTables('metering'));
    await pool.query(sinkTables('metering'));
    await pool.query('CREATE TABLE applied_row (id serial, lane int, key text)');
  });

  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  beforeEach(async () => {
    topics = new TopicsInMemory();
    await pool.query(
      'TRUNCATE applied_row, metering.applied_position, metering.applied_offset, metering.outcome, metering.dead_letter, metering.receipt',
    );
  });

  afterEach(async () => {
    for (const stop of stops) await stop();
    stops = [];
  });

  const until: SinkStage['until'] = async (read, holds) => {
    for (let value = await read(); ; value = await read()) {
      if (holds(value)) return value;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const rows = async (): Promise<string[]> => {
    const { rows: found } = await pool.query<{ key: string }>('SELECT key FROM applied_row ORDER BY key');
    return found.map(({ key }) => key);
  };
  return {
    get database() {
      return database;
    },
    get pool() {
      return pool;
    },
    get topics() {
      return topics;
    },
    set topics(other) {
      topics = other;
    },
    start: (bench, changed = {}) => {
      const abort = new AbortController();
      const ended = runSink({ ...settings, ...changed }, bench, abort.signal).then(
        () => null,
        (error: unknown) => error,
      );
      const stop = async (): Promise<void> => {
        abort.abort();
        await ended;
      };
      stops.push(stop);
      return { ended, stop };
    },
    until,
    rows,
    applied: (count) => until(rows, (found) => found.length >= count),
    position: async (lane) => {
      const { rows: found } = await pool.query<{ lsn: string }>(
        'SELECT lsn FROM metering.applied_position WHERE lane = $1',
        [lane],
      );
      return Number(found[0]?.lsn ?? 0);
    },
    outcomes: async () => {
      const { rows: found } = await pool.query<{ name: string; count: string }>(
        `SELECT topic || ' ' || outcome AS name, sum(count) AS count FROM metering.outcome GROUP BY 1 ORDER BY 1`,
      );
      return Object.fromEntries(found.map(({ name, count }) => [name, Number(count)]));
    },
  };
}
