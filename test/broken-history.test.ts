import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import pg from 'pg';
import type { SourceDependencies } from '../connectors/source/pipeline.ts';
import { setUpSource } from '../connectors/source/setup.ts';
import { openStage, resumeSource, type SourceStage } from '../connectors/source/source.fixture.ts';
import { Fault } from '../runtime/fault.ts';
import { PostgresServer } from './postgres-server.fixture.ts';

let server: PostgresServer;
let stage: SourceStage;

beforeAll(async () => {
  server = await PostgresServer.make();
  await server.start();
});
afterAll(() => server.remove());

/** 100 rows are published, and the source is stopped. */
beforeEach(async () => {
  stage = await openStage({ ...inject('stack'), registrationUrl: server.url }, { heartbeatIntervalMs: 50 });
  await query(
    `INSERT INTO registration.metering_point (mpan_core) SELECT lpad(n::text, 13, '0') FROM generate_series(1, 100) n`,
  );
  await setUpSource({ connectionString: stage.database.url }, stage.settings);
  expect(await answer()).toEqual({ code: 'goes on', text: '' });
});
afterEach(async () => {
  await stage.client.end().catch(() => {});
  await stage.database.drop();
  await stage.topics.drop();
});

/** How the source answers at its start: it stops, or it goes on until some of its heartbeats are published. */
async function answer(changed: Partial<SourceDependencies> = {}): Promise<{ code: string; text: string }> {
  const source = resumeSource(stage, changed);
  try {
    await source.until((report) => report.loadComplete && report.kafkaTransactions > 3);
    await source.stop();
    return { code: 'goes on', text: '' };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { code: `${error.kind} ${error.code}`, text: error.message };
  }
}

async function query(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: stage.database.url });
  client.on('error', () => {});
  await client.connect();
  try {
    for (const one of text.split(';')) await client.query(one);
  } finally {
    await client.end();
  }
}

const dropSlot = (): Promise<void> => query(`SELECT pg_drop_replication_slot('${stage.settings.slot}')`);
const change = (): Promise<void> => query(`UPDATE registration.metering_point SET gsp_group = '_B'`);

/** The server comes up as a standby of nobody, and is promoted: a new timeline begins where its WAL ends. */
async function promote(): Promise<void> {
  writeFileSync(path.join(server.dataDirectory, 'standby.signal'), '');
  await server.start();
  await query('SELECT pg_promote()');
}

test('a slot that was dropped stops the source, which says from where to where nothing is known', async () => {
  await dropSlot();
  await change();
  const { code, text } = await answer();
  expect(code).toBe('gap SLOT_MISSING');
  expect(text).toMatch(/From [0-9A-F]+\/[0-9A-F]+ to [0-9A-F]+\/[0-9A-F]+ nothing is known/);
});

test('a slot that was dropped and made anew stops the source', async () => {
  await dropSlot();
  await change();
  await setUpSource({ connectionString: stage.database.url }, stage.settings);
  expect((await answer()).code).toBe('gap SLOT_AHEAD_OF_CHECKPOINT');
});

test('a slot that max_slot_wal_keep_size has invalidated stops the source', async () => {
  await query(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB';SELECT pg_reload_conf()`);
  try {
    for (let n = 0; n < 4; n += 1)
      await query(`${"SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000));"}SELECT pg_switch_wal()`);
    await query('CHECKPOINT');
    expect((await answer()).code).toBe('gap SLOT_LOST');
  } finally {
    await query('ALTER SYSTEM RESET max_slot_wal_keep_size;SELECT pg_reload_conf()');
  }
});

test('a database that was restored from an older backup stops the source, however much was written since', async () => {
  await server.stop();
  server.backUp();
  await server.start();
  expect((await answer()).code).toBe('goes on');
  await server.stop();
  server.restore();
  await server.start();
  expect((await answer()).code).toBe('gap HISTORY_REWOUND');
  // The new history is now longer than the one that was published.
  await change();
  await query('SELECT pg_switch_wal();CHECKPOINT');
  expect((await answer()).code).toBe('gap HISTORY_REWOUND');
});

test('a standby that had all that was published goes on after its promotion; one that lagged stops the source', async () => {
  await server.stop();
  server.backUp();
  await promote();
  await change();
  expect((await answer()).code).toBe('goes on');
  expect((await stage.progress())?.timeline).toBeGreaterThan(1);
  const events = (await stage.events('metering-point')).filter((event) => event['gsp_group'] === '_B');
  expect(events.length).toBe(100);

  await server.stop();
  server.restore();
  await promote();
  await query('SELECT pg_switch_wal()');
  const { code, text } = await answer();
  // The same timeline, by its number, of another history.
  expect(code).toBe('gap HISTORY_REWOUND');
  expect(text).toContain('restored to an earlier state');
});

test('a backup that was recovered to an earlier point, on a timeline of its own, stops the source', async () => {
  await server.stop();
  server.backUp();
  await server.start();
  expect((await answer()).code).toBe('goes on');
  await server.stop();
  server.restore();
  await promote();
  const { code, text } = await answer();
  expect(code).toBe('gap TIMELINE_CHANGED');
  expect(text).toMatch(/which it left at [0-9A-F]+\/[0-9A-F]+ already/);
});

test('another server behind the same address stops the source', async () => {
  const other = { connectionString: inject('stack').registrationUrl };
  expect((await answer({ database: other })).code).toBe('gap SYSTEM_CHANGED');
});

test('a progress topic that was lost, or set back, stops the source', async () => {
  const older = await stage.progress();
  expect((await answer()).code).toBe('goes on');
  expect((await answer({ readProgress: () => Promise.resolve(older) })).code).toBe('gap PROGRESS_BEHIND');
  expect((await answer({ readProgress: () => Promise.resolve(null) })).code).toBe('gap PROGRESS_LOST');
  expect((await answer()).code).toBe('goes on');
});
