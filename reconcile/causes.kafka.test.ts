import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { untilReferenceDataArrived } from '../test/agreement.fixture.ts';
import { createHelpers, goodPoint, insertPoints, insertReferenceData } from '../test/registration-rows.fixture.ts';
import type { Balance } from '../cli/balance.ts';
import { RegistryProxy } from '../test/registry-proxy.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import type { ReconcileReport, TableReport } from './report.ts';

const ours = `application_name = 'concord reconcile' AND datname = current_database()`;

/** Each way in which a row can come to differ, with the cause that reconcile gives it. */
describe('reconcile gives a row that', () => {
  let rig: Rig;
  let registry: RegistryProxy;

  beforeAll(async () => {
    const { schemaRegistryUrl } = inject('stack');
    registry = await RegistryProxy.to(schemaRegistryUrl);
    rig = await Rig.create(inject('stack'), { registry: { url: registry.url } });
    await createHelpers(rig.registration);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await insertReferenceData(rig.registration);
    await untilReferenceDataArrived(rig, 8);
  });

  afterAll(async () => {
    await rig.stop();
    registry.server.close();
    registry.server.closeAllConnections();
  });

  async function reconcile(): Promise<ReconcileReport> {
    const { stdout, stderr } = await rig.command('reconcile', '--json', '--reveal');
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as ReconcileReport;
  }

  function points({ tables }: ReconcileReport): TableReport | undefined {
    return tables.find(({ table }) => table === 'metering_point');
  }

  function told({ differences }: ReconcileReport): readonly unknown[] {
    return differences.map(({ key, cause, items, rules }) => [key, cause, [...items, ...rules]]);
  }

  async function mpan(n: number): Promise<string> {
    return ((await rig.registration.query('SELECT mpan($1) AS mpan', [n])).rows[0] as { mpan: string }).mpan;
  }

  async function untilStored(rows: number): Promise<void> {
    await until(
      `${rows} rows are in the store`,
      () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point'),
      (found) => found === rows,
    );
  }

  test('could not be decoded the cause dead-lettered, with its key, until it is sent again', async () => {
    const subject = `${rig.registrationPrefix}.metering-point-value`;
    const answer = await fetch(`${registry.url}/subjects/${subject}/versions/latest`);
    const { id } = (await answer.json()) as { id: number };
    // For a while the metering side, which asks when it starts, is told that there is no such schema.
    await rig.kill('metering');
    registry.hidden.add(id);
    rig.start('metering');
    await insertPoints(rig.registration, 1, 2);
    await until(
      'both are set aside',
      () => count(rig.metering, 'SELECT count(*) FROM metering.dead_letter'),
      (letters) => letters === 2,
    );
    registry.hidden.clear();
    await rig.kill('metering');
    rig.start('metering');
    await insertPoints(rig.registration, 3, 60);
    await untilStored(58);
    const report = await reconcile();
    // Both were captured, and are counted once.
    expect(report).toMatchObject({ verdict: 'agree', closes: true, events: { deadLettered: 2, inFlight: 0 } });
    const balance = JSON.parse((await rig.command('balance', '--json')).stdout) as Balance;
    const ofPoints = balance.topics.find(({ topic }) => topic.endsWith('.metering-point'));
    expect(ofPoints).toMatchObject({ captured: 60, applied: 58, deadLettered: 2, inFlight: 0 });
    expect(points(report)).toMatchObject({ agreeing: 58, explained: { deadLettered: 2 }, unexplained: 0 });
    expect(told(report)).toEqual(expect.arrayContaining([[await mpan(1), 'dead-lettered', []]]));
    expect(report.breakdown).toEqual([
      expect.objectContaining({ standing: 'dead-lettered', distributor: 'MANW', supplier: 'SUPA', rows: 2 }),
    ]);
    expect((await rig.command('dead-letters', 'redrive', '--yes')).status).toBe(0);
    const after = await reconcile();
    expect(after).toMatchObject({ verdict: 'agree', closes: true });
    expect(points(after)).toMatchObject({ agreeing: 60, explained: { deadLettered: 0 } });
    expect(told(after)).toEqual([]);
  });

  test('was refused the cause rejected, and none once newer reference data has withdrawn it', async () => {
    const early = goodPoint.replaceAll("DATE '2024-04-01'", "DATE '1999-04-01'");
    await rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${early} FROM generate_series(61, 61) AS n`,
    );
    const refused = await reconcile();
    expect(told(refused)).toEqual([
      [await mpan(61), 'rejected', expect.arrayContaining(['PARTICIPANT_ROLE_INACTIVE'])],
    ]);
    await rig.registration.query(
      `UPDATE registration.participant SET effective_from = '1990-01-01', reference_version = 2 WHERE mpid <> 'MANW'`,
    );
    const after = await reconcile();
    expect(after).toMatchObject({ verdict: 'agree', closes: true });
    expect(told(after)).toEqual([]);
    expect(points(after)).toMatchObject({ agreeing: 61, explained: { rejected: 0 } });
    expect(await count(rig.metering, `SELECT count(*) FROM metering.rejection WHERE status = 'withdrawn'`)).toBe(1);
  });

  test('was lost on the way the cause unknown or missing, and one that should be gone the cause extra', async () => {
    const [stale, lost, undead] = [await mpan(11), await mpan(12), await mpan(13)];
    const change = `supplier_mpid = 'SUPB'`;
    await rig.registration.query(`UPDATE registration.metering_point SET ${change} WHERE mpan_core = mpan(11);
      DELETE FROM registration.metering_point WHERE mpan_core = mpan(13)`);
    expect(await reconcile()).toMatchObject({ verdict: 'agree' });
    // The store as it would be if it had never been told of any of the three.
    await rig.metering.query('BEGIN');
    await rig.metering.query('DELETE FROM metering.metering_point WHERE mpan_core = ANY ($1)', [[stale, lost]]);
    const { rows } = await rig.metering.query<{ names: string }>(
      `SELECT string_agg(quote_ident(c.attname), ', ') AS names FROM pg_attribute c JOIN pg_attribute h USING (attname)
       WHERE c.attrelid = 'metering.metering_point'::regclass AND h.attrelid = 'metering.metering_point_history'::regclass
         AND c.attnum > 0 AND NOT c.attisdropped`,
    );
    const names = rows[0]?.names ?? '';
    await rig.metering.query(
      `INSERT INTO metering.metering_point (${names}) SELECT ${names} FROM metering.metering_point_history WHERE mpan_core = ANY ($1)`,
      [[stale, undead]],
    );
    await rig.metering.query('DELETE FROM metering.metering_point_history WHERE mpan_core = ANY ($1)', [
      [stale, undead],
    ]);
    await rig.metering.query('COMMIT');
    const report = await reconcile();
    expect(told(report)).toEqual(
      [
        [stale, 'unknown', ['supplier_mpid']],
        [lost, 'missing', []],
        [undead, 'extra', []],
      ].toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    );
    expect(report).toMatchObject({ verdict: 'differ', closes: true });
    expect((await rig.command('reconcile', '--repair', '--yes')).status).toBe(0);
  });

  test('is being compared no lock that a writer would wait for, and writes nothing where it reads', async () => {
    const blocker = new pg.Client({ connectionString: rig.meteringUrl });
    blocker.on('error', () => {});
    await blocker.connect();
    const locks = `SELECT DISTINCT l.mode FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE ${ours} AND l.locktype = 'relation'`;
    const written = `SELECT count(*) FROM pg_stat_activity WHERE ${ours} AND backend_xid IS NOT NULL`;
    const relations = `SELECT count(*) FROM pg_class`;
    const before = [await count(rig.registration, relations), await count(rig.metering, relations)];
    try {
      // It stands in the middle of reading both sides, with all its locks.
      await blocker.query('BEGIN; LOCK TABLE metering.meter_asset IN ACCESS EXCLUSIVE MODE');
      const running = reconcile();
      await until(
        'it reads the store',
        () => count(rig.metering, `SELECT count(*) FROM pg_stat_activity WHERE ${ours} AND wait_event_type = 'Lock'`),
        (sessions) => sessions > 0,
      );
      for (const client of [rig.registration, rig.metering]) {
        expect((await client.query(locks)).rows).toEqual([{ mode: 'AccessShareLock' }]);
        expect(await count(client, written)).toBe(0);
      }
      expect([await count(rig.registration, relations), await count(rig.metering, relations)]).toEqual(before);
      await rig.registration.query(`SET lock_timeout = '1s'; UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(21);
        DELETE FROM registration.metering_point WHERE mpan_core = mpan(22); RESET lock_timeout`);
      await insertPoints(rig.registration, 62, 62);
      await rig.metering.query(
        `SET lock_timeout = '1s'; UPDATE metering.metering_point SET opt_out = opt_out; RESET lock_timeout`,
      );
      await blocker.query('COMMIT');
      expect(await running).toMatchObject({ verdict: 'agree', closes: true });
    } finally {
      await blocker.end();
    }
  });
});
