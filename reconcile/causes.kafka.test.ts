import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { untilReferenceDataArrived } from '../test/agreement.fixture.ts';
import {
  createHelpers,
  goodPoint,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from '../test/registration-rows.fixture.ts';
import { partitionOf } from '../topics/partitioner.ts';
import type { Balance } from '../cli/balance.ts';
import { RegistryProxy } from '../test/registry-proxy.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import type { ReconcileReport, TableReport } from './report.ts';
import type { RepairReport } from '../cli/reconcile-repair.ts';
import { performedOn } from '../cli/perform.fixture.ts';

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

  async function reconcile(...options: readonly string[]): Promise<ReconcileReport> {
    const { stdout, stderr } = await performedOn(rig, 'reconcile', '--json', '--reveal', ...options);
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

  async function toggleOptOut(n: number): Promise<void> {
    await rig.metering.query('UPDATE metering.metering_point SET opt_out = NOT opt_out WHERE mpan_core = $1', [
      await mpan(n),
    ]);
  }

  /** Deletes what lies before the last record of a metering point's partition. */
  async function deleteRecordsOf(n: number): Promise<{ topic: string; deleted: number }> {
    const topic = `${rig.registrationPrefix}.metering-point`;
    const partition = partitionOf(Buffer.from(await mpan(n)), 4);
    const kafka = new Kafka({ brokers: inject('stack').kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    try {
      // The broker deletes records only where records are deleted at all.
      const configEntries = [{ name: 'cleanup.policy', value: 'delete' }];
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
      });
      const { high = '0' } = (await admin.fetchTopicOffsets(topic)).find((one) => one.partition === partition) ?? {};
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: high }] });
      return { topic, deleted: Number(high) };
    } finally {
      await admin.disconnect();
    }
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
    await insertPoints(rig.registration, 71, 71);
    await untilStored(1);
    // For a while the metering side, which asks when it starts, is told that there is no such schema.
    await rig.kill('metering');
    registry.hidden.add(id);
    rig.start('metering');
    await insertPoints(rig.registration, 1, 2);
    await rig.registration.query(
      `UPDATE registration.metering_point SET supplier_mpid = 'SUPB' WHERE mpan_core = mpan(71)`,
    );
    await until(
      'all three are set aside',
      () => count(rig.metering, 'SELECT count(*) FROM metering.dead_letter'),
      (letters) => letters === 3,
    );
    registry.hidden.clear();
    await rig.kill('metering');
    rig.start('metering');
    await insertPoints(rig.registration, 3, 60);
    await untilStored(59);
    const report = await reconcile();
    // All were captured, and are counted once.
    expect(report).toMatchObject({ verdict: 'agree', closes: true, events: { deadLettered: 3, inFlight: 0 } });
    const balance = JSON.parse((await performedOn(rig, 'balance', '--json')).stdout) as Balance;
    const ofPoints = balance.topics.find(({ topic }) => topic.endsWith('.metering-point'));
    expect(ofPoints).toMatchObject({ captured: 62, applied: 59, deadLettered: 3, inFlight: 0 });
    expect(points(report)).toMatchObject({ agreeing: 58, explained: { deadLettered: 3 }, unexplained: 0 });
    expect(told(report)).toEqual(
      expect.arrayContaining([
        [await mpan(1), 'dead-lettered', []],
        [await mpan(71), 'dead-lettered', ['supplier_mpid']],
      ]),
    );
    expect(report.breakdown.map(({ standing, rows }) => [standing, rows])).toEqual([
      ['dead-lettered', 2],
      ['dead-lettered', 1],
    ]);
    // The good version that the letter would have replaced is no business of anybody's hand.
    await toggleOptOut(71);
    const changed = await reconcile();
    expect(changed).toMatchObject({ verdict: 'differ', closes: true });
    expect(points(changed)).toMatchObject({ explained: { deadLettered: 2 }, unexplained: 1 });
    expect(told(changed)).toEqual(expect.arrayContaining([[await mpan(71), 'changed-in-store', ['opt_out']]]));
    await toggleOptOut(71);
    expect((await rig.command('dead-letters', 'redrive', '--yes')).status).toBe(0);
    const after = await reconcile();
    expect(after).toMatchObject({ verdict: 'agree', closes: true });
    expect(points(after)).toMatchObject({ agreeing: 61, explained: { deadLettered: 0 } });
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
    expect(points(after)).toMatchObject({ agreeing: 62, explained: { rejected: 0 } });
    expect(await count(rig.metering, `SELECT count(*) FROM metering.rejection WHERE status = 'withdrawn'`)).toBe(1);
  });

  test('was deleted by hand below a refused or held event the cause missing, which no repair can mend', async () => {
    await insertAppointments(rig.registration, 32, 32);
    await until(
      'the appointment is in the store',
      () => count(rig.metering, 'SELECT count(*) FROM metering.appointment'),
      (rows) => rows === 1,
    );
    const [refused, held, changed, plain] = [await mpan(32), await mpan(33), await mpan(34), await mpan(35)];
    await rig.registration.query(`UPDATE registration.metering_point SET gsp_group = '_Z' WHERE mpan_core IN (mpan(32), mpan(34));
      UPDATE registration.metering_point SET data_service_mpid = 'ZZZZ' WHERE mpan_core = mpan(33);
      UPDATE registration.appointment SET reason = '???' WHERE appointment_id = 32`);
    expect((await reconcile()).verdict).toBe('agree');
    await rig.metering.query('DELETE FROM metering.metering_point WHERE mpan_core = ANY ($1)', [[refused, held]]);
    await rig.metering.query('DELETE FROM metering.appointment');
    await toggleOptOut(34);
    await toggleOptOut(35);
    // What is refused after it was deleted does not make anybody forget it.
    await rig.registration.query(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(32)`);
    const found = [
      [refused, 'missing', []],
      [held, 'missing', []],
      [changed, 'changed-in-store', ['opt_out']],
      [plain, 'changed-in-store', ['opt_out']],
      ['32', 'missing', []],
    ];
    for (const report of [await reconcile(), await reconcile('--since')]) {
      expect(report).toMatchObject({ verdict: 'differ', closes: true });
      expect(told(report)).toEqual(expect.arrayContaining(found));
      expect(told(report)).toHaveLength(found.length);
      expect(points(report)).toMatchObject({ explained: { rejected: 0, held: 0 }, unexplained: 4, rules: {} });
      // Each is told of once, as what it is.
      const lines = report.breakdown.map(({ table, standing, cause, rows }) => [table, standing, cause, rows]);
      expect(lines).toHaveLength(3);
      expect(lines).toEqual(
        expect.arrayContaining([
          ['appointment', 'unexplained', 'missing', 1],
          ['metering_point', 'unexplained', 'changed-in-store', 2],
          ['metering_point', 'unexplained', 'missing', 2],
        ]),
      );
    }
    const { repair } = (await reconcile('--repair', '--yes')) as ReconcileReport & { repair: RepairReport };
    expect(repair).toMatchObject({ state: 'proved', jobs: [expect.any(Number)] });
    const rows = repair.rows.map(({ key, action, changes, refusal }) => [key, action, changes, refusal?.codes]);
    const optOut = { opt_out: { before: true, after: false } };
    const asText = JSON.parse(JSON.stringify(optOut).replaceAll(/true|false/g, '"$&"')) as typeof optOut;
    expect(rows).toHaveLength(5);
    expect(rows).toEqual(
      expect.arrayContaining([
        [refused, 'refused', {}, ['GSP_GROUP_UNKNOWN']],
        [held, 'refused', {}, ['PARTICIPANT_UNKNOWN']],
        [changed, 'refused', asText, ['GSP_GROUP_UNKNOWN']],
        [plain, 'update', asText, undefined],
        ['32', 'refused', {}, ['REASON_UNKNOWN']],
      ]),
    );
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.repair_row')).toBe(1);
    const { stdout } = await performedOn(rig, 'reconcile', '--repair');
    expect(stdout).toContain('RECONCILE_REPAIR_REFUSED: 4 rows can not be repaired');
    expect(stdout).toMatch(/ {2}REASON_UNKNOWN: \w/);
    await rig.registration.query(`UPDATE registration.metering_point SET gsp_group = '_D', data_service_mpid = 'DATA'
      WHERE mpan_core IN (mpan(32), mpan(33), mpan(34)); DELETE FROM registration.appointment`);
    expect(told(await reconcile())).toEqual([]);
  });

  test('was changed by hand below a refused event the cause changed-in-store, as long as its good event is there', async () => {
    await insertAppointments(rig.registration, 31, 31);
    await until(
      'the appointment is in the store',
      () => count(rig.metering, 'SELECT count(*) FROM metering.appointment'),
      (rows) => rows === 1,
    );
    await rig.registration.query(`UPDATE registration.metering_point SET gsp_group = '_Z' WHERE mpan_core = mpan(31);
      UPDATE registration.appointment SET reason = '???' WHERE appointment_id = 31`);
    await toggleOptOut(31);
    await rig.metering.query(`UPDATE metering.appointment SET meter_id = 'BY HAND'`);
    for (const changed of [await reconcile(), await reconcile('--since')]) {
      expect(changed).toMatchObject({ verdict: 'differ', closes: true });
      expect(points(changed)).toMatchObject({ explained: { rejected: 0 }, unexplained: 1, source: { unexplained: 1 } });
      expect(told(changed)).toEqual([
        [await mpan(31), 'changed-in-store', ['opt_out']],
        ['31', 'changed-in-store', ['meter_id']],
      ]);
    }
    await rig.metering.query(`UPDATE metering.appointment SET meter_id = 'M31'`);
    // What the topic does not hold any more says nothing, and that is what is told.
    const { topic, deleted } = await deleteRecordsOf(31);
    expect(deleted).toBeGreaterThan(0);
    const gone = await reconcile();
    expect(gone).toMatchObject({ verdict: 'agree', closes: true });
    expect(points(gone), topic).toMatchObject({ explained: { rejected: 0, unverified: 1 }, unexplained: 0 });
    expect(told(gone)).toEqual([
      [await mpan(31), 'unverified', ['gsp_group', 'opt_out', 'GSP_GROUP_UNKNOWN']],
      ['31', 'rejected', ['REASON_UNKNOWN']],
    ]);
    await toggleOptOut(31);
    await rig.registration.query(`UPDATE registration.metering_point SET gsp_group = '_D' WHERE mpan_core = mpan(31);
      DELETE FROM registration.appointment`);
    expect(told(await reconcile())).toEqual([]);
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
