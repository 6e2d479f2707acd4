import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { Fault } from '../../runtime/fault.ts';
import { SilentProxy } from '../../test/silent-proxy.fixture.ts';
import {
  currentLsn,
  openStage,
  resumeSource,
  type RunningSource,
  type SourceStage,
  startSource,
} from './source.fixture.ts';

let stage: SourceStage;
let proxy: SilentProxy;
let inserted = 0;

beforeAll(async () => {
  stage = await openStage(inject('stack'), { heartbeatIntervalMs: 200, silenceMaxMs: 1_500, chunkRows: 100 });
  proxy = await SilentProxy.open(stage.database.url);
});
afterAll(async () => {
  await proxy.close();
  await stage.close();
});

let source: RunningSource;

const throughProxy = (): pg.ClientConfig => ({
  connectionString: proxy.through(stage.database.url),
  connectionTimeoutMillis: 1_000,
});

/** One that runs. What is not available on a busy machine is tried again, as the process does it. */
async function start(): Promise<RunningSource> {
  for (;;) {
    const running = await startSource(stage, { database: throughProxy() });
    try {
      await caughtUp(running);
      return running;
    } catch (error) {
      if (!(error instanceof Fault && error.kind === 'unavailable')) throw error;
    }
  }
}

async function insert(rows: number): Promise<void> {
  await stage.client.query(
    'INSERT INTO registration.meter_asset (device_id) SELECT n::text FROM generate_series($1::int, $2::int) n',
    [inserted + 1, inserted + rows],
  );
  inserted += rows;
}

async function caughtUp(running: RunningSource): Promise<void> {
  const lsn = await currentLsn(stage.client);
  await running.until((report) => report.loadComplete && report.watermark >= lsn);
}

beforeEach(async () => {
  source = await start();
  await insert(500);
  await caughtUp(source);
});

/** After whatever happened: each row is told once. */
afterEach(async () => {
  proxy.hear();
  source = await start();
  await source.stop();
  const keys = (await stage.events('meter-asset')).map((event) => event.key);
  expect(keys.length).toBe(inserted);
  expect(new Set(keys).size).toBe(inserted);
});

const replication = (greeting: string): boolean => greeting.includes('replication\0database');

test('a replication socket that passes nothing and is not closed is given up, whatever else goes on', async () => {
  expect(proxy.silence(replication)).toBe(1);
  await insert(500);
  await expect(source.until(() => false)).rejects.toMatchObject({ kind: 'unavailable', code: 'REPLICATION_STALLED' });
});

test('a server that falls silent on every connection is a fault within the limit, and the leg ends', async () => {
  proxy.silenceAll(() => true);
  await insert(500);
  await expect(source.until(() => false)).rejects.toMatchObject({ kind: 'unavailable' });
  // A server that accepts connections and says nothing does not hold a new attempt either.
  await expect(resumeSource(stage, { database: throughProxy() }).until(() => false)).rejects.toMatchObject({
    kind: 'unavailable',
  });
});

test('a heartbeat that is never answered is a fault within the limit', async () => {
  const heartbeat = (greeting: string): boolean => greeting.includes('UPDATE concord.heartbeat');
  expect(proxy.silence(heartbeat)).toBe(1);
  await expect(source.until(() => false)).rejects.toMatchObject({ kind: 'unavailable', code: 'DATABASE_UNAVAILABLE' });
});
