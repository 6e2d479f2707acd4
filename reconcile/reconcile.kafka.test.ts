import type { ChildProcess } from 'node:child_process';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  createHelpers,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from '../test/registration-rows.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import { Load } from './load.fixture.ts';
import type { Difference, ReconcileReport } from './report.ts';
import { performedOn } from '../cli/perform.fixture.ts';

const points = 2_000;
/** The long form: CONCORD_RECONCILE_RUNS=100. */
const runsUnderLoad = Number(process.env['CONCORD_RECONCILE_RUNS'] ?? 3);

describe('with both sides running, reconcile', () => {
  let rig: Rig;
  let meteringSide: ChildProcess;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, points);
    await insertAppointments(rig.registration, 1, points);
    expect((await rig.command('init')).status).toBe(0);
    rig.start('registration');
    meteringSide = rig.start('metering');
    await until(
      'the initial load is applied',
      () => count(rig.metering, 'SELECT count(*) FROM metering.appointment'),
      (rows) => rows === points,
    );
  });

  afterAll(async () => {
    await rig.stop();
  });

  async function reconcile(...options: readonly string[]): Promise<{ status: number | null; report: ReconcileReport }> {
    const { status, stdout, stderr } = await performedOn(rig, 'reconcile', '--json', '--reveal', ...options);
    if (stdout === '') throw new Error(stderr);
    return { status, report: JSON.parse(stdout) as ReconcileReport };
  }

  async function unexplained(): Promise<readonly Difference[]> {
    const { report } = await reconcile();
    const found = report.differences.filter(({ rules }) => rules.length === 0);
    expect(report.verdict).toBe(found.length === 0 ? 'agree' : 'differ');
    expect(report.tables.every(({ closes }) => closes)).toBe(true);
    return found;
  }

  async function mpan(n: number): Promise<string> {
    return ((await rig.registration.query('SELECT mpan($1) AS mpan', [n])).rows[0] as { mpan: string }).mpan;
  }

  test('finds a quiet system in agreement, and says through where', async () => {
    const { status, report } = await reconcile();
    expect(report).toMatchObject({ verdict: 'agree', closes: true, differences: [], lookedAgain: 0 });
    expect(report.tables.map(({ table, agreeing }) => [table, agreeing])).toEqual([
      ['participant', 8],
      ['distributor_gsp_group', 1],
      ['metering_point', points],
      ['appointment', points],
      ['meter_asset', 0],
    ]);
    expect(status).toBe(0);
    const verified = JSON.parse((await performedOn(rig, 'status', '--json')).stdout) as {
      verifiedThrough: Record<string, string>;
    };
    expect(verified.verifiedThrough['appointment']).toBe(report.tables[3]?.verifiedThrough);
    expect((await performedOn(rig, 'status')).stdout).toContain(`metering_point ${report.tables[2]?.verifiedThrough}`);
  });

  test('moves what is verified only by a run that passes, and keeps every run', async () => {
    const verified = async (): Promise<Record<string, string>> =>
      (JSON.parse((await performedOn(rig, 'status', '--json')).stdout) as { verifiedThrough: Record<string, string> })
        .verifiedThrough;
    await rig.registration.query('UPDATE registration.participant SET name = name');
    await reconcile();
    const before = await verified();
    await rig.metering.query(`UPDATE metering.participant SET name = 'x' || name WHERE mpid = 'SUPA'`);
    expect((await reconcile()).status).toBe(3);
    const between = await verified();
    expect(between['participant']).toBe(before['participant']);
    expect(between['metering_point']).not.toBe(before['metering_point']);
    await rig.metering.query(`UPDATE metering.participant SET name = substr(name, 2) WHERE mpid = 'SUPA'`);
    expect((await reconcile()).status).toBe(0);
    expect((await verified())['participant']).not.toBe(before['participant']);
    const runs = JSON.parse(
      (await performedOn(rig, 'reconcile', 'history', '--json', '--last', '3')).stdout,
    ) as object[];
    expect(runs).toMatchObject([
      { verdict: 'agree', unexplained: 0, scope: 'full' },
      { verdict: 'differ', unexplained: 1 },
      { verdict: 'agree', unexplained: 0, sourceRows: 2 * points + 9 },
    ]);
    expect((await performedOn(rig, 'reconcile', 'history')).stdout).toMatch(/unexplained {2}▁*█▁\n/);
  });

  test('tells a value, a row less and a row more that somebody made in the store, and nothing else', async () => {
    const [changed, gone, extra] = [await mpan(11), await mpan(12), await mpan(900_001)];
    await rig.metering.query('BEGIN');
    await rig.metering.query(
      `CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT * FROM metering.metering_point WHERE mpan_core = ANY ($1)`,
      [[changed, gone]],
    );
    await rig.metering.query('CREATE TABLE public.kept AS SELECT * FROM pg_temp.kept');
    await rig.metering.query(`UPDATE metering.metering_point SET load_shape_category = 'wrong' WHERE mpan_core = $1`, [
      changed,
    ]);
    await rig.metering.query('DELETE FROM metering.metering_point WHERE mpan_core = $1', [gone]);
    await rig.metering.query(`INSERT INTO metering.metering_point (mpan_core, supplier_mpid) VALUES ($1, 'SUPA')`, [
      extra,
    ]);
    await rig.metering.query(
      `UPDATE metering.appointment SET metering_service_etd = '2031-01-01' WHERE appointment_id = 13`,
    );
    await rig.metering.query('COMMIT');
    expect(await unexplained()).toEqual([
      expect.objectContaining({
        table: 'metering_point',
        key: changed,
        cause: 'changed-in-store',
        items: ['load_shape_category'],
        values: { load_shape_category: { registration: 'S-D-W-AI', metering: 'wrong' } },
      }),
      expect.objectContaining({ table: 'metering_point', key: gone, cause: 'missing', items: [] }),
      expect.objectContaining({ table: 'metering_point', key: extra, cause: 'extra', items: [] }),
      expect.objectContaining({
        table: 'appointment',
        key: '13',
        cause: 'changed-in-store',
        items: ['metering_service_etd'],
      }),
    ]);
    const { status, report } = await reconcile('--table', 'metering_point', '--limit', '1');
    expect([status, report.tables[0]?.unexplained, report.differences.length]).toEqual([3, 3, 1]);

    await rig.metering.query('DELETE FROM metering.metering_point WHERE mpan_core = ANY ($1)', [[changed, extra]]);
    await rig.metering.query('INSERT INTO metering.metering_point SELECT * FROM public.kept');
    await rig.metering.query('UPDATE metering.appointment SET metering_service_etd = NULL WHERE appointment_id = 13');
    expect(await unexplained()).toEqual([]);
  });

  test('shows no MPAN core unless it is asked to', async () => {
    const [core] = [await mpan(14)];
    await rig.metering.query(`UPDATE metering.metering_point SET opt_out = true WHERE mpan_core = $1`, [core]);
    const asJson = await performedOn(rig, 'reconcile', '--json');
    const asText = await performedOn(rig, 'reconcile');
    await rig.metering.query(`UPDATE metering.metering_point SET opt_out = false WHERE mpan_core = $1`, [core]);
    expect(asJson.stdout).toContain(`${core.slice(0, 2)}*********${core.slice(-2)}`);
    expect(`${asJson.stdout}${asJson.stderr}${asText.stdout}${asText.stderr}`).not.toContain(core);
    expect(asText.stdout).toContain('Both sides DIFFER: nothing explains 1 row.');
  });

  test('explains rows that were refused, held or are not ours by what their last event was', async () => {
    await rig.registration.query(`
      INSERT INTO registration.participant VALUES ('MSVB', 'M', 'Another metering service', '2000-01-01', NULL, 1);
      UPDATE registration.metering_point SET gsp_group = '_X', line_loss_factor = 'NaN' WHERE mpan_core = mpan(21);
      UPDATE registration.metering_point SET data_service_mpid = 'ZZZZ' WHERE mpan_core = mpan(22);
      UPDATE registration.appointment SET mpid = 'MSVB' WHERE appointment_id = 23;
      INSERT INTO registration.appointment (appointment_id, mpan_core, service_type, mpid) VALUES (900024, '24', 'MSS', 'MSVA')`);
    const { status, report } = await reconcile();
    expect(report).toMatchObject({ verdict: 'agree', closes: true });
    expect(status).toBe(0);
    const [, , meteringPoint, appointment] = report.tables;
    expect(meteringPoint).toMatchObject({ agreeing: points - 2, explained: { rejected: 1, held: 1, notOurs: 0 } });
    expect(appointment).toMatchObject({
      sourceRows: points + 1,
      storeRows: points - 1,
      agreeing: points - 1,
      explained: { rejected: 1, held: 0, notOurs: 1 },
    });
    expect(report.differences).toEqual([
      expect.objectContaining({
        key: await mpan(21),
        cause: 'rejected',
        rules: expect.arrayContaining(['ITEM_INVALID']),
      }),
      expect.objectContaining({ key: await mpan(22), cause: 'held', rules: ['PARTICIPANT_UNKNOWN'] }),
      expect.objectContaining({ table: 'appointment', key: '900024', cause: 'rejected' }),
    ]);
  });

  test('does not let an old refusal hide that a later change was lost', async () => {
    const core = await mpan(21);
    const { rows } = await rig.metering.query(
      `UPDATE metering.last_received SET event = jsonb_set(event, '{gsp_group}', '"_Y"') WHERE entity_key = $1 RETURNING 1`,
      [core],
    );
    expect(rows.length).toBe(1);
    expect(await unexplained()).toEqual([
      expect.objectContaining({ key: core, items: ['gsp_group', 'line_loss_factor'] }),
    ]);
    await rig.metering.query(
      `UPDATE metering.last_received SET event = jsonb_set(event, '{gsp_group}', '"_X"') WHERE entity_key = $1`,
      [core],
    );
    expect(await unexplained()).toEqual([]);
  });

  test('is neither held up nor misled by a transaction that stays open with changes of its own', async () => {
    const other = new pg.Client({ connectionString: rig.registrationUrl });
    await other.connect();
    try {
      await other.query(`BEGIN; UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(31);
        INSERT INTO registration.appointment (appointment_id, mpan_core) VALUES (900031, '31')`);
      await rig.registration.query(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(32)`);
      const { report } = await reconcile();
      expect(report).toMatchObject({ verdict: 'agree' });
      expect(report.point.snapshot).toMatch(/^\d+:\d+:\d+/);
      await other.query('COMMIT');
      expect((await reconcile()).report).toMatchObject({ verdict: 'agree' });
    } finally {
      await other.end();
    }
  });

  test('leaves out what the store has of transactions that its snapshot does not see', async () => {
    const other = new pg.Client({ connectionString: rig.registrationUrl });
    await other.connect();
    try {
      // Begun before the snapshot and after it, committed after it, and in the store when it is compared.
      await other.query('BEGIN; UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(33)');
      meteringSide.kill('SIGSTOP');
      const running = reconcile();
      await until(
        'the snapshot is taken',
        () =>
          count(
            rig.registration,
            `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             WHERE a.application_name = 'concord reconcile' AND l.relation = 'registration.meter_asset'::regclass AND l.granted`,
          ),
        (sessions) => sessions >= 2,
      );
      await other.query('COMMIT');
      await rig.registration.query(`
        UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(34);
        DELETE FROM registration.appointment WHERE appointment_id = 35;
        UPDATE registration.metering_point SET supplier_mpid = 'none' WHERE mpan_core = mpan(36)`);
      await insertPoints(rig.registration, points + 1, points + 1);
      meteringSide.kill('SIGCONT');
      const { report } = await running;
      expect(report).toMatchObject({ verdict: 'agree', lookedAgain: 0 });
      expect(report.tables[2]).toMatchObject({ sourceRows: points, storeRows: points });
      await insertAppointments(rig.registration, 35, 35);
      await rig.registration.query(
        `UPDATE registration.metering_point SET supplier_mpid = 'SUPA' WHERE mpan_core = mpan(36)`,
      );
    } finally {
      meteringSide.kill('SIGCONT');
      await other.end();
    }
  });

  test(
    'agrees every time while everything changes, and finds one wrong value all the same',
    async () => {
      const load = await Load.start(rig.registrationUrl, 2, 101, points);
      const core = await mpan(41);
      try {
        for (let run = 1; run <= runsUnderLoad; run += 1) expect(await unexplained()).toEqual([]);
        await rig.metering.query(`UPDATE metering.metering_point SET domestic = false WHERE mpan_core = $1`, [core]);
        expect(await unexplained()).toEqual([
          expect.objectContaining({ key: core, cause: 'changed-in-store', items: ['domestic'] }),
        ]);
        await rig.metering.query(`UPDATE metering.metering_point SET domestic = true WHERE mpan_core = $1`, [core]);
      } finally {
        await load.stop();
      }
      expect(load.transactions).toBeGreaterThan(100);
      const { report } = await reconcile();
      expect(report).toMatchObject({ verdict: 'agree', closes: true });
    },
    120_000 + runsUnderLoad * 20_000,
  );

  test('waits for a TRUNCATE that is not committed, and holds one back that comes later', async () => {
    const other = new pg.Client({ connectionString: rig.registrationUrl });
    await other.connect();
    try {
      await other.query('BEGIN; TRUNCATE registration.appointment');
      const waiting = reconcile();
      await until(
        'reconcile waits for the table',
        () => count(rig.registration, `SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'`),
        (locks) => locks > 0,
      );
      await other.query('COMMIT');
      const { report } = await waiting;
      expect(report).toMatchObject({ verdict: 'agree', closes: true });
      expect(report.tables[3]).toMatchObject({ table: 'appointment', sourceRows: 0, storeRows: 0 });
      const both = await Promise.all([reconcile(), other.query('TRUNCATE registration.meter_asset')]);
      expect(both[0].report).toMatchObject({ verdict: 'agree' });
    } finally {
      await other.end();
    }
  });

  test('gives up in words when the store does not move, and leaves nothing behind', async () => {
    await rig.kill('metering');
    // Without a change after its end the store may well stand at the point already, and then nothing is waited for.
    await rig.registration.query('UPDATE registration.participant SET name = name');
    const { status, stderr } = await rig.command('reconcile', '--json', '--patience', '1');
    expect(status).toBe(1);
    expect(stderr).toContain('RECONCILE_STORE_BEHIND');
    const sessions = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'concord reconcile' AND datname = current_database()`;
    await until(
      'its sessions are gone',
      () => count(rig.registration, sessions),
      (rows) => rows === 0,
    );
    const runs = await rig.metering.query(
      `SELECT verdict, document ->> 'code' AS code FROM metering.reconcile_run ORDER BY run_id DESC LIMIT 1`,
    );
    expect(runs.rows).toEqual([{ verdict: 'failed', code: 'RECONCILE_STORE_BEHIND' }]);
  });
});
