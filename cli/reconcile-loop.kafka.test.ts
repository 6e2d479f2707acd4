import type { ChildProcess } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { parse, stringify } from 'yaml';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { AwayProxy } from '../test/away-proxy.fixture.ts';
import { createHelpers, insertPoints, insertReferenceData } from '../test/registration-rows.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import { LoopProcess } from './reconcile-loop.fixture.ts';

const points = 100;
const ours = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'concord reconcile' AND datname = current_database()`;

interface Configuration {
  readonly registration: { readonly database: { url: string } };
  readonly metering: { readonly database: { url: string } };
  readonly kafka: { brokers: string[] };
}

describe('a loop of reconcile', () => {
  let rig: Rig;
  let metering: ChildProcess;
  let away: { readonly registration: AwayProxy; readonly metering: AwayProxy; readonly kafka: AwayProxy };
  let configurationFile: string;
  const loops: LoopProcess[] = [];

  beforeAll(async () => {
    const stack = inject('stack');
    rig = await Rig.create(stack);
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, points);
    await rig.init();
    rig.start('registration');
    metering = rig.start('metering');
    await until(
      'the initial load is applied',
      () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point'),
      (rows) => rows === points,
    );
    const open = async (address: string): Promise<AwayProxy> => {
      const { hostname, port } = new URL(address);
      return AwayProxy.open(hostname, Number(port));
    };
    away = {
      registration: await open(rig.registrationUrl),
      metering: await open(rig.meteringUrl),
      kafka: await open(`tcp://${stack.kafkaBrokers}`),
    };
    // The loop alone goes through the proxies: both sides go on while it can not reach a server.
    const configuration = parse(readFileSync(rig.configurationFile, 'utf8')) as Configuration;
    configuration.registration.database.url = away.registration.through(rig.registrationUrl);
    configuration.metering.database.url = away.metering.through(rig.meteringUrl);
    configuration.kafka.brokers = [`127.0.0.1:${away.kafka.port}`];
    configurationFile = rig.configurationFile.replace('concord.yaml', 'loop.yaml');
    writeFileSync(configurationFile, stringify(configuration));
  });

  afterEach(async () => {
    metering.kill('SIGCONT');
    for (const proxy of Object.values(away)) proxy.comeBack();
    for (const loop of loops.splice(0)) await loop.kill();
  });

  afterAll(async () => {
    for (const proxy of Object.values(away)) await proxy.close();
    rmSync(configurationFile, { force: true });
    await rig.stop();
  });

  async function startLoop(...options: readonly string[]): Promise<LoopProcess> {
    const loop = new LoopProcess(configurationFile, '--every', '1s', ...options);
    loops.push(loop);
    await loop.next('the first run agrees', ({ verdict }) => verdict === 'agree');
    return loop;
  }

  async function keptSince(run: number): Promise<readonly object[]> {
    const { rows } = await rig.metering.query<{ verdict: string; code: string | null }>(
      `SELECT verdict, document ->> 'code' AS code FROM metering.reconcile_run WHERE run_id > $1 ORDER BY run_id`,
      [run],
    );
    return rows;
  }

  async function metric(name: string): Promise<number | null> {
    const port = /\/status\.json are on port (\d+)/.exec(rig.log('metering'))?.[1];
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const value = new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(page)?.[1];
    return value === undefined ? null : Number(value);
  }

  test('goes on over a store, a source and a Kafka that are away, and keeps the runs that failed', async () => {
    const loop = await startLoop();
    for (const name of ['metering', 'registration', 'kafka'] as const) {
      const before = await loop.next(`it agrees before ${name} goes`, ({ verdict }) => verdict === 'agree');
      away[name].goAway();
      const failed = await loop.next(`it fails without ${name}`, ({ verdict }) => verdict === 'failed');
      expect(failed).toMatchObject({
        code: name === 'kafka' ? 'KAFKA_UNAVAILABLE' : 'DATABASE_UNAVAILABLE',
        // What the store can not be told is told to it later.
        kept: name !== 'metering',
        nextInMs: 1_000,
      });
      await loop.next(`it fails again without ${name}`, ({ verdict }) => verdict === 'failed');
      away[name].comeBack();
      const after = await loop.next(`it agrees with ${name} again`, ({ verdict }) => verdict === 'agree');
      const kept = await keptSince(before.run ?? 0);
      const failures = loop.documents.slice(loop.documents.indexOf(before), loop.documents.indexOf(after));
      const expected = failures.filter(({ verdict }) => verdict === 'failed').map(({ code }) => code);
      expect(kept.filter((one) => 'verdict' in one && one.verdict === 'failed')).toEqual(
        expected.map((code) => ({ verdict: 'failed', code })),
      );
      expect(after.run).toBeGreaterThan(before.run ?? 0);
    }
    expect(loop.stderr).toContain('it is put into the history when it can');
    expect(loop.stderr).toContain('What to do:');
    expect((await rig.command('reconcile', 'history')).stdout).toMatch(
      /DATABASE_UNAVAILABLE[\s\S]*unexplained {2}.*×+▁/,
    );
    expect(await loop.interrupt()).toBe(0);
  });

  test('shows in the metrics of the metering side what it finds, and ends with the code of its last run', async () => {
    const loop = await startLoop();
    await rig.metering.query(`UPDATE metering.participant SET name = 'x' || name WHERE mpid = 'SUPA'`);
    await loop.next('it finds the row', ({ verdict }) => verdict === 'differ');
    await until(
      'the alert sees it',
      () => metric('concord_reconcile_unexplained_rows'),
      (rows) => rows === 1,
    );
    away.registration.goAway();
    await loop.next('it fails', ({ verdict }) => verdict === 'failed');
    await until(
      'the alert sees it',
      () => metric('concord_reconcile_failed_in_a_row'),
      (runs) => (runs ?? 0) > 0,
    );
    away.registration.comeBack();
    await loop.next('it compares again', ({ verdict }) => verdict === 'differ');
    expect(await loop.interrupt()).toBe(3);
    await rig.metering.query(`UPDATE metering.participant SET name = substr(name, 2) WHERE mpid = 'SUPA'`);
  });

  test('has one run at a time, however long it takes, and leaves out what that has overrun', async () => {
    const loop = await startLoop();
    const atRest = await until(
      'sessions of a run',
      () => count(rig.registration, ours),
      (sessions) => sessions > 0,
    );
    metering.kill('SIGSTOP');
    await rig.registration.query('UPDATE registration.participant SET name = name');
    await until(
      'a run lasts longer than three intervals',
      () =>
        count(rig.registration, `${ours} AND backend_xmin IS NOT NULL AND now() - xact_start > interval '3 seconds'`),
      (sessions) => sessions > 0,
    );
    // Two that read, and one that asks about the server.
    expect(await count(rig.registration, ours)).toBeLessThanOrEqual(Math.max(atRest, 3));
    const ended = loop.documents.length;
    metering.kill('SIGCONT');
    await loop.next('it agrees', ({ verdict }) => verdict === 'agree');
    await loop.next('it goes on', ({ verdict }) => verdict === 'agree');
    expect(loop.documents.slice(ended).map(({ verdict }) => verdict)).not.toContain('failed');
    await until(
      'it says so',
      async () => loop.stderr,
      (text) => text.includes('longer than the 1 s of --every'),
    );
  });

  test('ends at once when it is interrupted in the middle of a run, and leaves nothing behind', async () => {
    const blocker = new pg.Client({ connectionString: rig.meteringUrl });
    await blocker.connect();
    try {
      const loop = await startLoop();
      // The scan of the store waits in the server, as one over millions of rows would.
      await blocker.query('BEGIN; LOCK TABLE metering.metering_point IN ACCESS EXCLUSIVE MODE');
      await until(
        'a query of the run waits in the store',
        () => count(rig.metering, `${ours} AND wait_event_type = 'Lock'`),
        (sessions) => sessions > 0,
      );
      const { documents } = loop;
      const last = documents.at(-1)?.run ?? 0;
      expect(await loop.interrupt()).toBe(0);
      for (const client of [rig.registration, rig.metering]) {
        await until(
          'its sessions are gone',
          () => count(client, ours),
          (sessions) => sessions === 0,
        );
      }
      expect(await keptSince(last)).toEqual([]);
    } finally {
      await blocker.end();
    }
  });

  test('does not disturb another one, and both move what is verified', async () => {
    const both = [await startLoop(), await startLoop('--since')];
    await Promise.all(
      both.map(async (loop) => {
        for (let run = 1; run <= 3; run += 1) await loop.next(`run ${run} agrees`, () => true);
      }),
    );
    const documents = both.flatMap((loop) => loop.documents);
    expect(documents.filter(({ verdict }) => verdict !== 'agree')).toEqual([]);
    expect(new Set(documents.map(({ run }) => run)).size).toBe(documents.length);
    expect(await Promise.all(both.map((loop) => loop.interrupt()))).toEqual([0, 0]);
    const { rows } = await rig.metering.query<{ behind: boolean }>(
      `SELECT v.lsn < max(p.lsn) - 1 AS behind FROM metering.verified_through v
       JOIN metering.reconcile_run p ON p.verdict = 'agree' WHERE v.table_name = 'metering_point' GROUP BY v.lsn`,
    );
    expect(rows).toEqual([{ behind: false }]);
  });
});
