import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  createHelpers,
  goodAppointment,
  goodPoint,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';

/** What people rely on, seen from outside: SQL on one side, SQL on the other. */
describe('a change committed in the registration database', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await until(
      'reference data arrives',
      () => count(rig.metering, 'SELECT count(*) FROM metering.participant'),
      (n) => n === 8,
    );
  });

  afterAll(async () => {
    await rig.stop();
  });

  test('appears in the metering store with every item, its position and its times', async () => {
    await rig.registration.query('BEGIN');
    await insertPoints(rig.registration, 1, 1);
    await insertAppointments(rig.registration, 1, 1);
    await rig.registration.query('COMMIT');
    await until(
      'the appointment arrives',
      () => count(rig.metering, 'SELECT count(*) FROM metering.appointment WHERE appointment_id = 1'),
      (n) => n === 1,
    );
    const columns = `mpan_core, gsp_group, distributor_mpid, supplier_mpid, supplier_efd::text, market_segment, data_service_mpid,
      data_service_efd::text, measurement_quantity, domestic, load_shape_category, connection_type, metering_service_mpid,
      metering_service_efd::text, line_loss_factor::numeric(12,6)::text, line_loss_factor_class, opt_out`;
    const there = await rig.registration.query(
      `SELECT ${columns} FROM registration.metering_point WHERE mpan_core = mpan(1)`,
    );
    const here = await rig.metering.query(`SELECT ${columns} FROM metering.metering_point WHERE mpan_core = $1`, [
      (there.rows[0] as { mpan_core: string }).mpan_core,
    ]);
    expect(here.rows).toEqual(there.rows);
    const { rows } = await rig.metering.query(
      'SELECT source, lsn > 0 AS has_lsn, committed_at <= applied_at AS in_time, source_time >= committed_at AS monotone FROM metering.metering_point',
    );
    expect(rows).toEqual([{ source: rig.registrationPrefix, has_lsn: true, in_time: true, monotone: true }]);
  });

  test('leaves its predecessor in the history, and a delete leaves only history', async () => {
    await insertPoints(rig.registration, 2, 2);
    await rig.registration.query(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(2)`);
    await rig.registration.query(`DELETE FROM registration.metering_point WHERE mpan_core = mpan(2)`);
    const history = `SELECT opt_out, lsn_to > lsn AS closed FROM metering.metering_point_history h
      WHERE NOT EXISTS (SELECT FROM metering.metering_point p WHERE p.mpan_core = h.mpan_core) ORDER BY lsn`;
    const rows = await until(
      'both versions are in the history',
      async () => (await rig.metering.query(history)).rows,
      (found) => found.length === 2,
    );
    expect(rows).toEqual([
      { opt_out: false, closed: true },
      { opt_out: true, closed: true },
    ]);
  });

  test('comes back as a flow 3 event when it breaks rules, and a later good event resolves it', async () => {
    await rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${goodPoint.replace("'AI'", "'XX'").replace("'001'", "'0!1'").replace("'S-D-W-AI'", 'NULL')} FROM generate_series(3, 3) AS n`,
    );
    const inbox = `SELECT rule_codes, status, record_type, flow FROM inbox.rejection WHERE mpan_core = mpan(3)`;
    const open = await until(
      'the error is in the inbox',
      async () => (await rig.registration.query(inbox)).rows,
      (rows) => rows.length === 1,
    );
    expect(open).toEqual([
      { rule_codes: ['QUANTITY_UNKNOWN', 'LLF_CLASS_FORMAT'], status: 'open', record_type: 'error', flow: 1 },
    ]);
    await rig.registration.query(
      `UPDATE registration.metering_point SET measurement_quantity = 'AI', line_loss_factor_class = '001' WHERE mpan_core = mpan(3)`,
    );
    await until(
      'the rejection is resolved on both sides',
      async () => (await rig.registration.query(inbox)).rows,
      (rows) => (rows[0] as { status: string }).status === 'resolved',
    );
    expect(await count(rig.metering, `SELECT count(*) FROM metering.rejection WHERE status = 'resolved'`)).toBe(1);
  });

  test('is judged with all of its transaction: a cascade and a hand-over in the wrong order are no errors', async () => {
    await rig.registration.query('BEGIN');
    await rig.registration.query(
      `INSERT INTO registration.appointment SELECT ${goodAppointment} FROM generate_series(4, 4) AS n`,
    );
    await insertPoints(rig.registration, 4, 4);
    await rig.registration.query('COMMIT');
    await until(
      'the appointment arrives',
      () => count(rig.metering, 'SELECT count(*) FROM metering.appointment WHERE appointment_id = 4'),
      (n) => n === 1,
    );
    await rig.registration.query('BEGIN');
    await rig.registration.query(
      `INSERT INTO registration.appointment SELECT 40, mpan_core, service_type, mpid, DATE '2025-04-01', NULL, 'CSP', supplier_mpid, supplier_efd, supplier_etd, meter_id, contract_reference
       FROM registration.appointment WHERE appointment_id = 4`,
    );
    await rig.registration.query(
      `UPDATE registration.appointment SET metering_service_etd = '2025-03-31' WHERE appointment_id = 4`,
    );
    await rig.registration.query('COMMIT');
    await until(
      'the hand-over arrives',
      () => count(rig.metering, 'SELECT count(*) FROM metering.appointment WHERE appointment_id IN (4, 40)'),
      (n) => n === 2,
    );
    await rig.registration.query('BEGIN');
    await rig.registration.query('DELETE FROM registration.metering_point WHERE mpan_core = mpan(4)');
    await rig.registration.query('DELETE FROM registration.appointment WHERE mpan_core = mpan(4)');
    await rig.registration.query('COMMIT');
    await until(
      'the cascade arrives',
      () => count(rig.metering, 'SELECT count(*) FROM metering.appointment WHERE appointment_id IN (4, 40)'),
      (n) => n === 0,
    );
    const { rows } = await rig.metering.query(
      `SELECT rule_codes FROM metering.rejection WHERE mpan_core = (SELECT mpan_core FROM metering.metering_point_history ORDER BY lsn_to DESC LIMIT 1)`,
    );
    expect(rows).toEqual([]);
  });

  test('is one of 20,000 in one transaction, and all of them arrive', async () => {
    await insertPoints(rig.registration, 100_001, 120_000);
    await until(
      'all points arrive',
      () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point'),
      (n) => n === 20_002,
      60_000,
    );
    const balance = await until(
      'every event is accounted for',
      () => rig.command('balance', '--json'),
      (answer) => answer.status === 0,
    );
    expect((JSON.parse(balance.stdout) as { closes: boolean }).closes).toBe(true);
  });
});
