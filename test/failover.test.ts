import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { differencesOf } from '../connectors/source/replayed.fixture.ts';
import type { FailoverReadiness } from '../connectors/source/report.ts';
import { setUpSource } from '../connectors/source/setup.ts';
import {
  currentLsn,
  openStage,
  resumeSource,
  type RunningSource,
  type SourceStage,
} from '../connectors/source/source.fixture.ts';
import { watchWal } from '../connectors/source/wal-watch.ts';
import { quiet } from '../topics/kafka.fixture.ts';
import { PostgresServer } from './postgres-server.fixture.ts';
import { until } from './rig.fixture.ts';

/** A primary and a real standby: what is said of a failover, step by step, and then the failover itself. */
let primary: PostgresServer;
let standby: PostgresServer;
let stage: SourceStage;
let source: RunningSource;
let watching: { readonly stop: AbortController; readonly done: Promise<void> };

beforeAll(async () => {
  primary = await PostgresServer.make();
  await primary.start();
  stage = await openStage({ ...inject('stack'), registrationUrl: primary.url }, { heartbeatIntervalMs: 50 });
  await setUpSource({ connectionString: stage.database.url }, stage.settings);
  source = resumeSource(stage);
  const stop = new AbortController();
  const database = { connectionString: stage.database.url };
  watching = { stop, done: watchWal(stage.settings, database, source.report, quiet, stop.signal) };
});
afterAll(async () => {
  watching.stop.abort();
  await watching.done;
  await stage.client.end().catch(() => {});
  await standby.remove();
  await primary.remove();
  await stage.topics.drop();
});

const untilSaid = (what: string, said: (readiness: FailoverReadiness) => boolean): Promise<unknown> =>
  until(
    what,
    () => Promise.resolve(source.report.failover),
    (readiness) => readiness !== null && said(readiness),
  );

const isBecause =
  (...texts: readonly string[]) =>
  ({ safe, because }: FailoverReadiness): boolean =>
    !safe && because.length === texts.length && texts.every((text) => because.some((one) => one.includes(text)));

async function onServer<T extends pg.QueryResultRow>(url: string, ...statements: readonly string[]): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    let rows: T[] = [];
    for (const one of statements) ({ rows } = await client.query<T>(one));
    return rows;
  } finally {
    await client.end();
  }
}

const demand = (slots: string): Promise<unknown> =>
  onServer(primary.url, `ALTER SYSTEM SET synchronized_standby_slots = '${slots}'`, 'SELECT pg_reload_conf()');

/** The same database on another server. */
function databaseOn(server: PostgresServer): string {
  const url = new URL(server.url);
  url.pathname = new URL(stage.database.url).pathname;
  return url.href;
}

const insert = (url: string, from: number, to: number): Promise<unknown> =>
  onServer(
    url,
    `INSERT INTO registration.metering_point (mpan_core, gsp_group) SELECT lpad(n::text, 13, '0'), '_A' FROM generate_series(${from}, ${to}) n`,
  );

test('a failover is safe only once a standby streams, copies the slot and is waited for, and what is missing is said', async () => {
  await untilSaid('there is no standby', isBecause('no standby is connected'));
  standby = await PostgresServer.standbyOf(primary);
  await standby.start(...primary.standbySettings);
  const notWaitedFor = 'synchronized_standby_slots is empty';
  await untilSaid('it does not copy the slot', isBecause('no standby copies the slot', notWaitedFor));
  await standby.stop();
  await standby.start(...primary.standbySettings, 'sync_replication_slots=on');
  await untilSaid('nobody waits for it', isBecause(notWaitedFor));
  await demand('somebody');
  await untilSaid('another one is waited for', isBecause('synchronized_standby_slots names somebody'));
  await demand('standby');
  await untilSaid('it is safe', ({ safe, because }) => safe && because.length === 0);
  await standby.stop();
  await untilSaid('it is gone', ({ safe, because }) => !safe && because.join().includes('no standby is connected'));
  await standby.start(...primary.standbySettings, 'sync_replication_slots=on');
  await untilSaid('it is safe again', ({ safe }) => safe);
});

test('after a failover the source goes on with the slot that was copied, and nothing is lost or there twice', async () => {
  await insert(stage.database.url, 1, 2_000);
  const lsn = await currentLsn(stage.client);
  await source.until((report) => report.loadComplete && report.watermark >= lsn);
  await until(
    'the slot is on the standby, to stay',
    () =>
      onServer<{ kept: boolean }>(
        standby.url,
        `SELECT synced AND NOT temporary AND invalidation_reason IS NULL AS kept FROM pg_replication_slots WHERE slot_name = '${stage.settings.slot}'`,
      ),
    ([row]) => row?.kept === true,
  );
  // The primary dies in the middle of it: what the standby has not got was not published either.
  await insert(stage.database.url, 2_001, 12_000);
  await primary.stop('SIGQUIT');
  await expect(source.until(() => false)).rejects.toMatchObject({ kind: 'unavailable' });
  await onServer(standby.url, 'SELECT pg_promote()');

  const promoted = databaseOn(standby);
  await insert(promoted, 20_001, 20_100);
  await onServer(promoted, 'DELETE FROM registration.metering_point WHERE mpan_core <= lpad($$10$$, 13, $$0$$)');
  const client = new pg.Client({ connectionString: promoted });
  await client.connect();
  const reached = await currentLsn(client);
  await client.end();
  const after = resumeSource(stage, { database: { connectionString: promoted } });
  await after.until((report) => report.watermark >= reached);
  await after.stop();
  expect((await stage.progress())?.timeline).toBe(2);
  expect((await stage.progress())?.position.generation).toBe(1);
  expect(await differencesOf(stage, promoted)).toEqual([]);
});

test('after a failover to a standby that did not copy the slot the source stops, and says what it does not know', async () => {
  // As it would be without sync_replication_slots.
  await onServer(databaseOn(standby), `SELECT pg_drop_replication_slot('${stage.settings.slot}')`);
  const after = resumeSource(stage, { database: { connectionString: databaseOn(standby) } });
  await expect(after.until(() => false)).rejects.toMatchObject({
    kind: 'gap',
    code: 'SLOT_MISSING',
    message: expect.stringMatching(/From [0-9A-F]+\/[0-9A-F]+ to [0-9A-F]+\/[0-9A-F]+ nothing is known/) as string,
  });
});
