import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parseLsn } from '../avro/position.ts';
import { untilEverythingIsThrough, untilReferenceDataArrived } from '../test/agreement.fixture.ts';
import { AwayProxy } from '../test/away-proxy.fixture.ts';
import { createHelpers, insertPoints, insertReferenceData } from '../test/registration-rows.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import { SilentProxy } from '../test/silent-proxy.fixture.ts';
import { performed } from './perform.fixture.ts';
import type { ReplayReport } from './replay/into.ts';

/** Where building stops, and that the process ends, whatever happens on the way. */
describe('the building of a second store', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'concord-replay-ends-'));
  let rig: Rig;
  let middle = '';

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, 60);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 8);
    await untilEverythingIsThrough(rig);
    const { rows } = await rig.registration.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    middle = rows[0]?.lsn ?? '';
    await rig.registration.query(`UPDATE registration.metering_point SET opt_out = true`);
    await untilEverythingIsThrough(rig);
  });

  afterAll(async () => {
    for (const name of ['resumed', 'again', 'away', 'silent', 'waiting'])
      await performed('replay', 'drop', name, '--config', rig.configurationFile);
    await rig.stop();
    rmSync(directory, { recursive: true });
  });

  async function replay(...words: string[]): Promise<ReplayReport> {
    const { out, err } = await performed('replay', ...words, '--json', '--config', rig.configurationFile);
    if (out === '') throw new Error(err);
    return JSON.parse(out) as ReplayReport;
  }

  function spawned(configuration: string, ...words: string[]): ChildProcess {
    const program = path.resolve(import.meta.dirname, '../dist/cli/concord.js');
    return spawn(process.execPath, [program, 'replay', ...words, '--config', configuration], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async function connectedTo(url: string, database: string): Promise<pg.Client> {
    const at = new URL(url);
    at.pathname += database;
    const client = new pg.Client({ connectionString: at.href });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  test.each([
    ['resumed', 'SIGKILL', 'resume', 'resumed'],
    ['again', 'SIGINT', '--into', 'again'],
  ] as const)(
    'on the way to a place %s is ended by %s, stops at that place, and goes on only when it is asked to',
    async (name, signal, ...words) => {
      await replay('--into', name, '--until', '0/1');
      const second = await connectedTo(rig.meteringUrl, `_replay_${name}`);
      // The lane that writes reference data can not go on, so that the building is in the middle when it is killed.
      await second.query('BEGIN; LOCK TABLE metering.participant IN SHARE MODE');
      const child = spawned(rig.configurationFile, '--into', name, '--until', middle);
      await until(
        'other lanes have applied something',
        () => count(second, 'SELECT coalesce(sum(count), 0) AS count FROM metering.outcome'),
        (found) => found > 0,
      );
      let said = '';
      child.stdout?.on('data', (bytes: Buffer) => {
        said += bytes.toString();
      });
      const ended = once(child, 'exit');
      child.kill(signal);
      if (signal === 'SIGKILL') await ended;
      else {
        await second.query('ROLLBACK');
        expect(await ended).toEqual([3, null]);
        expect(said).toContain(`concord replay --into ${name}\` goes on`);
      }
      await second.query('ROLLBACK');
      const report = await replay(...words);
      expect(report).toMatchObject({ verdict: 'same', asOf: { lsn: parseLsn(middle) } });
      const changed = 'SELECT count(*) FROM metering.metering_point WHERE opt_out';
      expect(await count(second, changed)).toBe(0);
      expect(await replay('--into', name)).toMatchObject({ verdict: 'same', asOf: null });
      expect(await count(second, changed)).toBeGreaterThanOrEqual(60);
      const before = await performed('replay', '--into', name, '--until', middle, '--config', rig.configurationFile);
      expect(before).toMatchObject({ code: 2, err: expect.stringContaining('further than') as string });
      await second.end();
    },
  );

  /** A build through a proxy before PostgreSQL, which waits in the middle of its comparison until `holder` lets go. */
  async function comparing(name: string, through: (url: string) => string): Promise<Comparing> {
    const configuration = path.join(directory, `${name}.yaml`);
    writeFileSync(
      configuration,
      readFileSync(rig.configurationFile, 'utf8').replaceAll(rig.meteringUrl, through(rig.meteringUrl)),
    );
    const holder = await connectedTo(rig.meteringUrl, '');
    await holder.query('BEGIN; LOCK TABLE metering.participant');
    const child = spawned(configuration, '--into', name);
    let said = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    const ended = once(child, 'exit');
    await until(
      'the comparison waits',
      () =>
        count(
          rig.metering,
          `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'concord replay' AND wait_event_type = 'Lock'
             AND datname = current_database()`,
        ),
      (found) => found > 0,
    );
    return { holder, ended, said: () => said, interrupt: () => child.kill('SIGINT') };
  }

  test('waits no more than 10 s after Ctrl-C for what a comparison waits for, says how it goes on, and does', async () => {
    const { holder, ended, said, interrupt } = await comparing('waiting', (url) => url);
    interrupt();
    expect(await ended).toEqual([3, null]);
    expect(said()).toContain('concord replay --into waiting` goes on where it was');
    await holder.end();
    expect(await replay('--into', 'waiting')).toMatchObject({ verdict: 'same' });
  });

  test('ends with exit code 1 when PostgreSQL vanishes while the stores are compared', async () => {
    const { hostname, port } = new URL(rig.meteringUrl);
    const proxy = await AwayProxy.open(hostname, Number(port));
    const { holder, ended, said } = await comparing('away', (url) => proxy.through(url));
    proxy.goAway();
    expect(await ended).toEqual([1, null]);
    expect(said()).toContain('DATABASE_UNAVAILABLE');
    await holder.end();
    await proxy.close();
  });

  test('ends with exit code 1 when the comparison fails while the second store has fallen silent', async () => {
    const proxy = await SilentProxy.open(rig.meteringUrl);
    const { holder, ended, said } = await comparing('silent', (url) => proxy.through(url));
    expect(proxy.silence((greeting) => greeting.includes('_replay_silent'))).toBeGreaterThan(0);
    await holder.query('ALTER TABLE metering.participant RENAME TO other; COMMIT');
    expect(await ended).toEqual([1, null]);
    expect(said()).toContain('DATABASE_ERROR');
    await holder.query('ALTER TABLE metering.other RENAME TO participant');
    await holder.end();
    await proxy.close();
  });
});

interface Comparing {
  readonly holder: pg.Client;
  readonly ended: Promise<unknown>;
  readonly said: () => string;
  readonly interrupt: () => void;
}
