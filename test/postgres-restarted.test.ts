import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import pg from 'pg';
import { differencesOf } from '../connectors/source/replayed.fixture.ts';
import { setUpSource } from '../connectors/source/setup.ts';
import { openStage, resumeSource, type SourceStage } from '../connectors/source/source.fixture.ts';
import { Fault } from '../runtime/fault.ts';
import { PostgresServer } from './postgres-server.fixture.ts';

let server: PostgresServer;
let stage: SourceStage;

beforeAll(async () => {
  server = await PostgresServer.make();
  await server.start();
  stage = await openStage({ ...inject('stack'), registrationUrl: server.url }, { heartbeatIntervalMs: 50 });
  await setUpSource({ connectionString: stage.database.url }, stage.settings);
});
afterAll(async () => {
  await stage.client.end().catch(() => {});
  await stage.topics.drop();
  await server.remove();
});

/** Runs the source through every outage until told to stop. */
async function keepGoing(signal: AbortSignal): Promise<number> {
  let failures = 0;
  while (!signal.aborted) {
    const source = resumeSource(stage);
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      await Promise.race([source.until(() => false), stopped]);
      await source.stop();
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'unavailable') throw error;
      failures += 1;
    }
  }
  return failures;
}

async function write(from: number, rows: number): Promise<number> {
  const client = new pg.Client({ connectionString: stage.database.url });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO registration.metering_point (mpan_core, gsp_group) SELECT lpad(n::text, 13, '0'), '_A'
       FROM generate_series($1::int, $2::int) n`,
      [from, from + rows - 1],
    );
    const { rows: found } = await client.query<{ lsn: string }>(
      `SELECT (pg_logical_emit_message(false, 'test', '', true) - '0/0'::pg_lsn)::text AS lsn`,
    );
    return Number(found[0]?.lsn) - 1;
  } finally {
    await client.end();
  }
}

async function published(lsn: number): Promise<void> {
  for (let watermark = 0; watermark < lsn; ) watermark = (await stage.progress())?.endLsn ?? 0;
}

test('a fast shutdown of PostgreSQL while the source is connected comes to an end, and nothing is lost by restarts', async () => {
  const stop = new AbortController();
  const going = keepGoing(stop.signal);
  await published(await write(1, 500));
  let written = 500;
  for (const how of ['SIGINT', 'SIGQUIT', 'SIGKILL', 'SIGINT'] as const) {
    // A large transaction on its way when the server goes down.
    await write(written + 1, 5_000);
    written += 5_000;
    const begun = performance.now();
    await server.stop(how);
    // The server waits until the stream has taken everything and said so, and for nobody who never will: were it not
    // for that, it would wait for its wal_sender_timeout, a minute.
    expect(performance.now() - begun).toBeLessThan(50_000);
    await server.start();
  }
  await published(await write(written + 1, 10));
  stop.abort();
  expect(await going).toBeGreaterThanOrEqual(4);
  expect(await differencesOf(stage)).toEqual([]);
});
