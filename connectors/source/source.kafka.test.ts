import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  currentLsn,
  openStage,
  type RunningSource,
  type SourceStage,
  startSource,
  type TestEvent,
} from './source.fixture.ts';

describe('the source, from PostgreSQL to topics', () => {
  let stage: SourceStage;
  let source: RunningSource;

  beforeAll(async () => {
    stage = await openStage(inject('stack'));
    await stage.client.query(`INSERT INTO registration.metering_point (mpan_core, gsp_group, supplier_efd, line_loss_factor, domestic)
      SELECT lpad(n::text, 13, '0'), '_A', '2024-03-31', 1.045, n % 2 = 0 FROM generate_series(1, 5000) n`);
    source = await startSource(stage);
    await source.until((report) => report.loadComplete);
  });
  afterAll(async () => {
    await source.stop();
    await stage.close();
  });

  const caughtUp = async (): Promise<void> => {
    const lsn = await currentLsn(stage.client);
    await source.until((report) => report.watermark >= lsn);
  };
  const eventsOf = async (topic: string, key: string): Promise<TestEvent[]> =>
    (await stage.events(topic)).filter((event) => event.key === key);

  test('the initial load brings every row once', async () => {
    const events = await stage.events('metering-point');
    expect(events.length).toBe(5_000);
    expect(new Set(events.map((event) => event.key)).size).toBe(5_000);
    expect(events[0]).toMatchObject({ recordType: 'read', senderId: 'REGS', gsp_group: '_A', supplier_efd: 19_813 });
  });

  test('a change of each kind is an event, and a delete is followed by a tombstone', async () => {
    await stage.client.query(
      `INSERT INTO registration.metering_point (mpan_core, gsp_group) VALUES ('1300000000001', '_B')`,
    );
    await stage.client.query(
      `UPDATE registration.metering_point SET gsp_group = '_C' WHERE mpan_core = '1300000000001'`,
    );
    await stage.client.query(`DELETE FROM registration.metering_point WHERE mpan_core = '1300000000001'`);
    await caughtUp();
    const events = await eventsOf('metering-point', '1300000000001');
    expect(events.map((event) => [event.recordType, event['gsp_group']])).toEqual([
      ['create', '_B'],
      ['update', '_C'],
      ['delete', null],
    ]);
    const records = (await stage.records('metering-point'))
      .flat()
      .filter(({ key }) => key?.toString() === '1300000000001');
    expect(records.map(({ value }) => value === null)).toEqual([false, false, false, true]);
  });

  test('a change of the primary key is a delete with its tombstone and a create at the same position', async () => {
    await stage.client.query(
      `INSERT INTO registration.metering_point (mpan_core, gsp_group) VALUES ('1300000000002', '_B')`,
    );
    await stage.client.query(
      `UPDATE registration.metering_point SET mpan_core = '1300000000003' WHERE mpan_core = '1300000000002'`,
    );
    await caughtUp();
    const left = await eventsOf('metering-point', '1300000000002');
    const [created] = await eventsOf('metering-point', '1300000000003');
    expect(left.map((event) => event.recordType)).toEqual(['create', 'delete']);
    expect(created).toMatchObject({ recordType: 'create', gsp_group: '_B', source: left[1]?.source });
  });

  test('an appointment that changes its service type leaves one topic and appears on the other', async () => {
    await stage.client.query(`INSERT INTO registration.appointment (appointment_id, mpan_core, service_type, mpid, meter_id)
      VALUES (1, '1300000000004', 'MSS', 'MSVA', 'M1'), (2, '1300000000004', NULL, 'MSVA', NULL)`);
    await stage.client.query(`UPDATE registration.appointment SET service_type = 'UMSO' WHERE appointment_id = 1`);
    await stage.client.query('DELETE FROM registration.appointment');
    await caughtUp();
    const mss = await eventsOf('appointment.mss', '1300000000004');
    const umso = await eventsOf('appointment.umso', '1300000000004');
    expect(mss.map((event) => [event.recordType, event['appointment_id'], event['service_type']])).toEqual([
      ['create', 1, 'MSS'],
      ['create', 2, null],
      ['delete', 1, 'MSS'],
      ['delete', 2, null],
    ]);
    // The delete carries the whole replica identity, and the flow of unmetered points has no meter id.
    expect(umso.map((event) => [event.recordType, event['mpid'], event.invalid])).toEqual([
      ['create', 'MSVA', { meter_id: 'M1' }],
      ['delete', 'MSVA', { meter_id: 'M1' }],
    ]);
    expect(umso[0]?.source).toEqual(mss[2]?.source);
  });

  test('what was rolled back to a savepoint is on no topic, and the rest is counted as it was delivered', async () => {
    await stage.client.query(`BEGIN; INSERT INTO registration.metering_point (mpan_core) VALUES ('1300000000005');
      SAVEPOINT s; INSERT INTO registration.metering_point (mpan_core) VALUES ('1300000000006'); ROLLBACK TO s;
      INSERT INTO registration.metering_point (mpan_core) VALUES ('1300000000007'); COMMIT`);
    await caughtUp();
    const [first] = await eventsOf('metering-point', '1300000000005');
    const [second] = await eventsOf('metering-point', '1300000000007');
    expect(await eventsOf('metering-point', '1300000000006')).toEqual([]);
    expect([first?.source.ordinal, second?.source.ordinal]).toEqual([1, 2]);
    expect(second?.source).toMatchObject({ lsn: first?.source.lsn, xid: first?.source.xid });
  });

  test('rows of one COPY share their LSN and differ in their ordinal', async () => {
    await stage.client.query(
      `INSERT INTO registration.meter_asset (device_id) SELECT 'copied-' || n FROM generate_series(1, 3000) n`,
    );
    await caughtUp();
    const events = (await stage.events('meter-asset')).filter((event) => event.key.startsWith('copied-'));
    expect(new Set(events.map((event) => event.source.lsn)).size).toBe(1);
    expect(events.map((event) => event.source.ordinal).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 3_000 }, (_, index) => index + 1),
    );
  });

  test('a large value that did not change is listed as unchanged, or taken from the full replica identity', async () => {
    // Random text does not compress, so that it is stored out of line.
    const large = Array.from({ length: 9_000 }, () => Math.random().toString(36).slice(2)).join('');
    await stage.client.query('INSERT INTO registration.meter_asset (device_id, model) VALUES ($1, $2)', [
      'toast',
      large,
    ]);
    await stage.client.query(`UPDATE registration.meter_asset SET status = 'Pending' WHERE device_id = 'toast'`);
    await stage.client.query(
      'INSERT INTO registration.appointment (appointment_id, mpan_core, contract_reference) VALUES (9, $1, $2)',
      ['toast', large],
    );
    await stage.client.query(`UPDATE registration.appointment SET mpid = 'MSVB' WHERE appointment_id = 9`);
    await caughtUp();
    const assets = await eventsOf('meter-asset', 'toast');
    expect(assets[0]?.['model']).toBe(large);
    expect(assets[1]).toMatchObject({ status: 'Pending', model: null, unchanged: ['model'] });
    const appointments = await eventsOf('appointment.mss', 'toast');
    expect(appointments[1]?.['contract_reference']).toBe(large);
    expect(appointments[1]?.unchanged).toEqual([]);
  });

  test('values that their type can not hold travel as text', async () => {
    await stage.client.query(`INSERT INTO registration.metering_point (mpan_core, line_loss_factor, supplier_efd, data_service_efd, metering_service_efd)
      VALUES ('1300000000008', 'NaN', 'infinity', '0044-03-15 BC', '10000-01-01')`);
    await caughtUp();
    const [event] = await eventsOf('metering-point', '1300000000008');
    expect(event).toMatchObject({
      line_loss_factor: null,
      supplier_efd: null,
      data_service_efd: -735_160,
      metering_service_efd: 2_932_897,
      invalid: { line_loss_factor: 'NaN', supplier_efd: 'infinity' },
    });
  });

  test('a transaction of 50,000 rows goes in parts, and only its end is confirmed to the slot', async () => {
    const before = source.report.kafkaTransactions;
    await stage.client.query(
      `INSERT INTO registration.metering_point (mpan_core) SELECT 'large-' || n FROM generate_series(1, 50000) n`,
    );
    await caughtUp();
    const events = (await stage.events('metering-point')).filter((event) => event.key.startsWith('large-'));
    expect(new Set(events.map((event) => event.source.ordinal)).size).toBe(50_000);
    expect(events.length).toBe(50_000);
    expect(source.report.kafkaTransactions - before).toBeGreaterThan(5);
    // The slot is asked first: while it is looked at, heartbeats go on.
    const { rows } = await stage.client.query<{ confirmed: string }>(
      `SELECT (confirmed_flush_lsn - '0/0'::pg_lsn)::text AS confirmed FROM pg_replication_slots WHERE slot_name = $1`,
      [stage.settings.slot],
    );
    const progress = await stage.progress();
    expect(progress?.complete).toBe(true);
    expect(progress?.endLsn).toBeGreaterThanOrEqual(Number(rows[0]?.confirmed));
  });

  test('a truncate is one record on each partition of each topic of the table, and is counted once a topic', async () => {
    const captured = { ...source.report.captured };
    await stage.client.query('TRUNCATE registration.appointment');
    await caughtUp();
    for (const topic of ['appointment.mss', 'appointment.msa', 'appointment.umso']) {
      const events = (await stage.events(topic)).filter((event) => event.key === '__truncate__');
      expect(events.map((event) => [event.partition, event.recordType])).toEqual(
        [0, 1, 2, 3].map((partition) => [partition, 'truncate']),
      );
      expect(new Set(events.map((event) => JSON.stringify(event.source))).size).toBe(1);
      const name = `${stage.settings.name}.${topic}`;
      expect((source.report.captured[name] ?? 0) - (captured[name] ?? 0)).toBe(1);
    }
  });

  test('a logical message outside a transaction moves the watermark of an idle database', async () => {
    const { rows } = await stage.client.query<{ lsn: string }>(
      `SELECT (pg_logical_emit_message(false, 'anybody', 'x') - '0/0'::pg_lsn)::text AS lsn`,
    );
    await source.until((report) => report.watermark >= Number(rows[0]?.lsn) - 1);
  });
});
