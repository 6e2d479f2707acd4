import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { untilEverythingIsThrough } from './agreement.fixture.ts';
import { createHelpers, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';

/**
 * PostgreSQL stores a large value out of line and does not send it again when an update leaves it alone. Whatever the
 * update is, the store must have the value, and must never say NULL for it in between.
 */
describe('a large value that an update leaves alone', () => {
  let rig: Rig;
  /** Hexadecimal noise does not compress away. */
  const large = (): string => randomBytes(8_000).toString('hex');
  const models = 'SELECT device_id, md5(model) AS model, serial_number FROM';

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
  });

  afterAll(async () => {
    await rig.stop();
  });

  async function insertDevices(from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n += 1) {
      await rig.registration.query(
        `INSERT INTO registration.meter_asset (device_id, serial_number, model, status, device_type)
         VALUES ($1, 'S', $2, 'Commissioned', 'ESME')`,
        [device(n), large()],
      );
    }
  }

  const device = (n: number): string => `00-00-00-00-00-00-00-${n.toString(16).toUpperCase().padStart(2, '0')}`;

  async function expectAgreement(): Promise<void> {
    const query = (schema: string): string => `${models} ${schema}.meter_asset ORDER BY device_id`;
    const { rows: there } = await rig.registration.query(query('registration'));
    await until(
      'the store has the same rows',
      async () => (await rig.metering.query(query('metering'))).rows,
      (rows) => JSON.stringify(rows) === JSON.stringify(there),
    );
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.meter_asset_history WHERE model IS NULL')).toBe(0);
    expect((await untilEverythingIsThrough(rig)).closes).toBe(true);
    await until(
      'nothing waits',
      () => count(rig.metering, 'SELECT count(*) FROM metering.held'),
      (held) => held === 0,
    );
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.rejection')).toBe(0);
  }

  test('arrives although the row is updated before and while its table is loaded', async () => {
    await insertDevices(0, 9);
    // The slot is there: these come through the stream, before any read of the table.
    await rig.registration.query(`UPDATE registration.meter_asset SET serial_number = 'T'`);
    rig.start('registration');
    rig.start('metering');
    for (let n = 0; n < 40; n += 1) {
      await rig.registration.query(`UPDATE registration.meter_asset SET serial_number = $1`, [String(n)]);
    }
    await expectAgreement();
  });

  describe.each([
    ['default', 10],
    ['full', 20],
  ])('with replica identity %s', (identity, first) => {
    beforeAll(async () => {
      await rig.registration.query(`ALTER TABLE registration.meter_asset REPLICA IDENTITY ${identity}`);
    });

    test('stays, also within the transaction that inserted it', async () => {
      await rig.registration.query('BEGIN');
      await insertDevices(first, first + 1);
      await rig.registration.query(`UPDATE registration.meter_asset SET serial_number = 'U' WHERE device_id = $1`, [
        device(first),
      ]);
      await rig.registration.query('COMMIT');
      await rig.registration.query(`UPDATE registration.meter_asset SET serial_number = 'V' WHERE device_id = $1`, [
        device(first + 1),
      ]);
      await expectAgreement();
    });

    test('moves with its row to another key', async () => {
      await insertDevices(first + 2, first + 4);
      const move = 'UPDATE registration.meter_asset SET device_id = $2 WHERE device_id = $1';
      await rig.registration.query(move, [device(first + 2), device(first + 5)]);
      // In one transaction: moved, changed, and moved on.
      await rig.registration.query('BEGIN');
      await rig.registration.query(move, [device(first + 3), device(first + 6)]);
      await rig.registration.query(`UPDATE registration.meter_asset SET serial_number = 'W' WHERE device_id = $1`, [
        device(first + 6),
      ]);
      await rig.registration.query(move, [device(first + 4), device(first + 3)]);
      await rig.registration.query('COMMIT');
      await expectAgreement();
    });

    test('moves with its row in the transaction that inserted it, and is gone when the row is', async () => {
      await rig.registration.query('BEGIN');
      await insertDevices(first + 7, first + 8);
      const move = 'UPDATE registration.meter_asset SET device_id = $2 WHERE device_id = $1';
      await rig.registration.query(move, [device(first + 7), device(first + 9)]);
      await rig.registration.query(move, [device(first + 8), device(first + 7)]);
      await rig.registration.query('DELETE FROM registration.meter_asset WHERE device_id = $1', [device(first + 7)]);
      await rig.registration.query('COMMIT');
      await expectAgreement();
    });
  });

  test('moves with a row of reference data', async () => {
    await rig.registration.query(
      `INSERT INTO registration.participant VALUES ('LONG', 'X', $1, '2001-01-01', NULL, 1)`,
      [large()],
    );
    await rig.registration.query(`UPDATE registration.participant SET mpid = 'LANG' WHERE mpid = 'LONG'`);
    const name = `SELECT md5(name) AS name FROM`;
    const { rows: there } = await rig.registration.query(`${name} registration.participant WHERE mpid = 'LANG'`);
    await until(
      'the moved participant',
      async () => (await rig.metering.query(`${name} metering.participant WHERE mpid = 'LANG'`)).rows,
      (rows) => JSON.stringify(rows) === JSON.stringify(there),
    );
  });
});
