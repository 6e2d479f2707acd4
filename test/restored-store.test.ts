import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { compareTable, untilEverythingIsThrough, untilReferenceDataArrived } from './agreement.fixture.ts';
import {
  createHelpers,
  goodPoint,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';

/** The store comes back from yesterday's backup, while Kafka's group offsets are from today. */
describe('a metering store restored from an older backup', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 8);
  });

  afterAll(async () => {
    await rig.stop();
  });

  async function insertBadPoints(from: number, to: number): Promise<void> {
    await rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${goodPoint.replace("'AI'", "'XX'").replace("'S-D-W-AI'", 'NULL')}
       FROM generate_series($1::bigint, $2::bigint) AS n`,
      [from, to],
    );
  }

  /** All that identifies and describes a rejection, but for what is made anew each time. */
  async function inbox(): Promise<readonly unknown[]> {
    const { rows } = await rig.registration.query<{ row: unknown }>(
      `SELECT to_jsonb(r) - 'rejection_id' - 'raised_at' - 'resolved_at' AS row FROM inbox.rejection r
       ORDER BY lsn, ordinal, entity_key, revision`,
    );
    return rows.map(({ row }) => row);
  }

  async function onServer(...statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: inject('stack').meteringUrl });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  test('becomes equal to the registration database again, and the rejections that come again change nothing', async () => {
    await insertPoints(rig.registration, 1, 300);
    await insertAppointments(rig.registration, 1, 100);
    await insertBadPoints(1_001, 1_010);
    await untilEverythingIsThrough(rig);
    await until('rejections are in the inbox', inbox, (rows) => rows.length === 10);
    await rig.kill('metering');

    const database = new URL(rig.meteringUrl).pathname.slice(1);
    await rig.metering.end();
    await onServer(`CREATE DATABASE ${database}_backup TEMPLATE ${database}`);
    try {
      await rig.reconnect();
      rig.start('metering');
      await insertPoints(rig.registration, 301, 600);
      await insertAppointments(rig.registration, 101, 200);
      await insertBadPoints(1_011, 1_020);
      await rig.registration.query(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core <= mpan(50)`);
      await rig.registration.query('DELETE FROM registration.metering_point WHERE mpan_core = mpan(299)');
      await rig.registration.query(
        `UPDATE registration.metering_point SET measurement_quantity = 'AI' WHERE mpan_core = mpan(1005)`,
      );
      await untilEverythingIsThrough(rig);
      await until(
        'later rejections are in the inbox',
        async () => ({ rows: await inbox(), resolved: await resolvedInInbox() }),
        ({ rows, resolved }) => rows.length === 20 && resolved === 1,
      );
      const before = await inbox();
      await rig.kill('metering');
      await rig.metering.end();
      // The slot of the metering source is the server's, not the database's in a backup: a restored cluster has none.
      await onServer(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`,
        `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '${database}'`,
        `DROP DATABASE ${database} WITH (FORCE)`,
        `CREATE DATABASE ${database} TEMPLATE ${database}_backup`,
      );
      await rig.reconnect();
      expect(await count(rig.metering, 'SELECT count(*) FROM metering.rejection')).toBe(10);
      rig.start('metering');
      await until(
        'the store has caught up',
        () => count(rig.metering, 'SELECT count(*) FROM metering.rejection'),
        (n) => n === 20,
      );
      const where = `mpan_core NOT IN (SELECT unnest('{${(await badMpans()).join(',')}}'::text[]))`;
      await until(
        'the store is equal again',
        () => compareTable(rig, 'metering_point', 'mpan_core', where),
        ({ same }) => same,
      );
      expect(await compareTable(rig, 'appointment', 'appointment_id')).toEqual({ same: true });
      expect(await inbox()).toEqual(before);
    } finally {
      await onServer(`DROP DATABASE IF EXISTS ${database}_backup WITH (FORCE)`);
    }
  });

  function resolvedInInbox(): Promise<number> {
    return count(rig.registration, `SELECT count(*) FROM inbox.rejection WHERE status = 'resolved'`);
  }

  async function badMpans(): Promise<readonly string[]> {
    const { rows } = await rig.registration.query<{ mpan: string }>(
      'SELECT mpan(n) AS mpan FROM generate_series(1001, 1020) AS n WHERE n <> 1005',
    );
    return rows.map(({ mpan }) => mpan);
  }
});
