import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createHelpers, insertPoints, insertReferenceData } from '../test/registration-rows.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import { SilentProxy } from '../test/silent-proxy.fixture.ts';
import { namesInKafka, namesInPostgres } from '../test/traces.fixture.ts';

const program = path.resolve(import.meta.dirname, '../dist/cli/concord.js');
const ours = `application_name = 'concord reconcile' AND datname = current_database()`;

/** Whatever a run could leave in a database, by name. */
async function leftIn(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query(
    `SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE ${ours}) AS sessions,
       (SELECT count(*)::int FROM pg_prepared_xacts WHERE database = current_database()) AS prepared,
       (SELECT count(*)::int FROM pg_ls_dir('pg_snapshots')) AS snapshots,
       (SELECT count(*)::int FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.locktype = 'advisory') AS advisory,
       (SELECT array_agg(relname ORDER BY relname) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r') AS temporary,
       (SELECT count(*)::int FROM pg_class) AS relations`,
  );
  return rows[0];
}

describe('a reconcile that', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, 100);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await until(
      'the initial load is applied',
      () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point'),
      (rows) => rows === 100,
    );
  });

  afterAll(() => rig.stop());

  async function traces(): Promise<unknown> {
    return {
      registration: [await leftIn(rig.registration), await namesInPostgres(rig, rig.registration)],
      metering: [await leftIn(rig.metering), await namesInPostgres(rig, rig.metering)],
      kafka: await namesInKafka(rig, inject('stack').kafkaBrokers),
    };
  }

  test('is killed leaves nothing behind, with a transaction open on the source all the time', async () => {
    const long = new pg.Client({ connectionString: rig.registrationUrl });
    const blocker = new pg.Client({ connectionString: rig.meteringUrl });
    try {
      await Promise.all([long.connect(), blocker.connect()]);
      await long.query('BEGIN; UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(1)');
      const before = await traces();
      // It is killed in the middle of what it reads: with its snapshots taken and its marks made.
      await blocker.query('BEGIN; LOCK TABLE metering.meter_asset IN ACCESS EXCLUSIVE MODE');
      const child = spawn(process.execPath, [program, 'reconcile', '--config', rig.configurationFile], {
        stdio: 'ignore',
      });
      await until(
        'it waits for the lock',
        () => count(rig.metering, `SELECT count(*) FROM pg_stat_activity WHERE ${ours} AND wait_event_type = 'Lock'`),
        (sessions) => sessions > 0,
      );
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      await blocker.query('COMMIT');
      for (const client of [rig.registration, rig.metering]) {
        await until(
          'its sessions are gone',
          () => count(client, `SELECT count(*) FROM pg_stat_activity WHERE ${ours}`),
          (sessions) => sessions === 0,
        );
      }
      // Snapshots have no names that say whose they are: those of other tests go again.
      await until('all is as it was before', traces, (now) => isDeepStrictEqual(now, before));
      const { status } = await rig.command('reconcile');
      expect(status).toBe(0);
      await long.query('COMMIT');
      expect((await rig.command('reconcile')).status).toBe(0);
    } finally {
      await Promise.all([long.end(), blocker.end()]);
    }
  });

  test.each(['registration', 'metering'] as const)(
    'waits for a %s database that says nothing any more ends in words, after its patience',
    async (side) => {
      const [url, client] =
        side === 'metering' ? [rig.meteringUrl, rig.metering] : [rig.registrationUrl, rig.registration];
      const table = side === 'metering' ? 'metering.meter_asset' : 'registration.meter_asset';
      const proxy = await SilentProxy.open(url);
      const directory = mkdtempSync(path.join(tmpdir(), 'concord-silent-'));
      const configuration = path.join(directory, 'concord.yaml');
      writeFileSync(configuration, readFileSync(rig.configurationFile, 'utf8').replaceAll(url, proxy.through(url)));
      const blocker = new pg.Client({ connectionString: url });
      await blocker.connect();
      try {
        // It stands in the middle of what it reads there, so that an answer is due.
        await blocker.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
        const child = spawn(process.execPath, [program, 'reconcile', '--patience', '1', '--config', configuration]);
        const ended = once(child, 'exit');
        let said = '';
        child.stderr.on('data', (bytes: Buffer) => {
          said += bytes.toString();
        });
        await until(
          'it waits',
          () => count(client, `SELECT count(*) FROM pg_stat_activity WHERE ${ours} AND wait_event_type = 'Lock'`),
          (sessions) => sessions > 0,
        );
        proxy.silenceAll(() => true);
        await blocker.query('COMMIT');
        expect(await ended).toEqual([1, null]);
        expect(said).toContain('DATABASE_UNAVAILABLE');
        expect(said).toContain('has said nothing for 1 s');
      } finally {
        await blocker.end();
        await proxy.close();
        rmSync(directory, { recursive: true });
      }
    },
  );
});
