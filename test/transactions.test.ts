import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { compareTable, untilEverythingIsThrough, untilReferenceDataArrived } from './agreement.fixture.ts';
import {
  createHelpers,
  goodAppointment,
  goodPoint,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from './registration-rows.fixture.ts';
import { Rig } from './rig.fixture.ts';

/** What people with SQL really do. Each test uses MPANs of its own and compares whole tables, so none hides another's fault. */
describe('after any kind of transaction the store equals the registration database', () => {
  let rig: Rig;
  /** MPANs of bad rows, and the codes each of them must be refused with: all others must be equal. */
  const refused = new Map<string, readonly string[]>();

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await untilReferenceDataArrived(rig, 8);
  });

  afterAll(async () => {
    await rig.stop();
  });

  const sql = (text: string, values: readonly unknown[] = []): Promise<pg.QueryResult> =>
    rig.registration.query(text, [...values]);

  async function mpan(n: number): Promise<string> {
    return ((await sql('SELECT mpan($1) AS mpan', [n])).rows[0] as { mpan: string }).mpan;
  }

  async function transaction(act: () => Promise<unknown>): Promise<void> {
    await sql('BEGIN');
    await act();
    await sql('COMMIT');
  }

  async function expectAgreement(): Promise<void> {
    const balance = await untilEverythingIsThrough(rig);
    expect(balance.closes).toBe(true);
    const { rows } = await rig.metering.query<{ mpan_core: string; rule_codes: string[] }>(
      `SELECT DISTINCT mpan_core, rule_codes FROM metering.rejection WHERE status = 'open' ORDER BY mpan_core`,
    );
    expect(rows).toEqual(
      [...refused]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([core, codes]) => ({ mpan_core: core, rule_codes: codes })),
    );
    const list = [...refused.keys()].map((one) => `'${one}'`).join(', ');
    const acceptable = list === '' ? 'true' : `mpan_core NOT IN (${list})`;
    expect(await compareTable(rig, 'metering_point', 'mpan_core', acceptable)).toEqual({ same: true });
    expect(await compareTable(rig, 'appointment', 'appointment_id', acceptable)).toEqual({ same: true });
    expect(await compareTable(rig, 'meter_asset', 'device_id')).toEqual({ same: true });
    expect(await compareTable(rig, 'participant', '(mpid, role, effective_from)')).toEqual({ same: true });
  }

  test('rolled back to savepoints, in the middle and at the end', async () => {
    await transaction(async () => {
      await insertPoints(rig.registration, 1, 3);
      await sql('SAVEPOINT a');
      await insertPoints(rig.registration, 4, 6);
      await sql(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(1)`);
      await sql('SAVEPOINT b');
      await sql(`DELETE FROM registration.metering_point WHERE mpan_core = mpan(2)`);
      await sql('ROLLBACK TO b');
      await insertAppointments(rig.registration, 1, 2);
      await sql('ROLLBACK TO a');
      await insertPoints(rig.registration, 7, 8);
      await sql('SAVEPOINT c');
      await insertPoints(rig.registration, 9, 9);
      await sql('RELEASE c');
      await sql('SAVEPOINT d');
      await insertPoints(rig.registration, 10, 12);
      await sql('ROLLBACK TO d');
    });
    await sql('BEGIN');
    await insertPoints(rig.registration, 13, 20);
    await sql('ROLLBACK');
    await expectAgreement();
  });

  test('of COPY, and of many rows in one INSERT', async () => {
    await transaction(async () => {
      await sql(
        `CREATE TEMPORARY TABLE lines ON COMMIT DROP AS SELECT row_number() OVER () AS number, line FROM (
           SELECT translate(row(${goodPoint})::text, '()', '') AS line FROM generate_series(101, 700) AS n) AS l`,
      );
      const { rows } = await sql('SELECT line FROM lines ORDER BY number');
      const lines = (rows as { line: string }[]).map(({ line }) => `${line}\n`);
      await pipeline(
        Readable.from(lines),
        rig.registration.query(copyFrom('COPY registration.metering_point FROM STDIN (FORMAT csv)')),
      );
      await insertAppointments(rig.registration, 101, 700);
    });
    await expectAgreement();
  });

  test('that changes one row several times', async () => {
    await insertPoints(rig.registration, 801, 802);
    await transaction(async () => {
      await sql(`UPDATE registration.metering_point SET line_loss_factor = 1.1 WHERE mpan_core = mpan(801)`);
      await sql(`UPDATE registration.metering_point SET line_loss_factor = 1.2 WHERE mpan_core = mpan(801)`);
      await sql(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(801)`);
    });
    await transaction(async () => {
      await insertPoints(rig.registration, 803, 804);
      await sql(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(803)`);
      await sql(`DELETE FROM registration.metering_point WHERE mpan_core IN (mpan(804), mpan(802))`);
    });
    await expectAgreement();
  });

  test('that deletes a row and creates it again', async () => {
    await transaction(async () => {
      await insertPoints(rig.registration, 811, 811);
      await insertAppointments(rig.registration, 811, 811);
    });
    await transaction(async () => {
      await sql('DELETE FROM registration.appointment WHERE appointment_id = 811');
      await sql('DELETE FROM registration.metering_point WHERE mpan_core = mpan(811)');
      await insertPoints(rig.registration, 811, 811);
      await insertAppointments(rig.registration, 811, 811);
      await sql(`UPDATE registration.metering_point SET line_loss_factor = 0.95 WHERE mpan_core = mpan(811)`);
    });
    await transaction(async () => {
      await sql('DELETE FROM registration.metering_point WHERE mpan_core = mpan(811)');
      await insertPoints(rig.registration, 811, 811);
      await sql('DELETE FROM registration.metering_point WHERE mpan_core = mpan(811)');
      await insertPoints(rig.registration, 811, 811);
    });
    await expectAgreement();
  });

  test('that changes a primary key, the MPAN of an appointment or its service type', async () => {
    await transaction(async () => {
      await insertPoints(rig.registration, 821, 824);
      await insertAppointments(rig.registration, 822, 822);
      await insertAppointments(rig.registration, 824, 824);
    });
    await sql(`UPDATE registration.metering_point SET mpan_core = mpan(831) WHERE mpan_core = mpan(821)`);
    await sql(`UPDATE registration.appointment SET mpan_core = mpan(823) WHERE appointment_id = 822`);
    await transaction(async () => {
      await sql(
        `UPDATE registration.metering_point SET market_segment = 'A', load_shape_category = 'A-D-W-AI', metering_service_mpid = 'MSAA' WHERE mpan_core = mpan(824)`,
      );
      // The segment has no date of its own: it holds from today on, so the service for it does, too.
      await sql(
        `UPDATE registration.appointment SET service_type = 'MSA', mpid = 'MSAA',
           metering_service_efd = (now() AT TIME ZONE 'Europe/London')::date WHERE appointment_id = 824`,
      );
    });
    // A chain, and a swap by way of a third key: what leaves a key must not take away what has just come to it.
    await insertPoints(rig.registration, 841, 843);
    await transaction(async () => {
      await sql(
        `UPDATE registration.metering_point SET mpan_core = mpan(849), opt_out = true WHERE mpan_core = mpan(841)`,
      );
      await sql(`UPDATE registration.metering_point SET mpan_core = mpan(841) WHERE mpan_core = mpan(842)`);
      await sql(`UPDATE registration.metering_point SET mpan_core = mpan(842) WHERE mpan_core = mpan(849)`);
    });
    await sql(`UPDATE registration.appointment SET appointment_id = 8240 WHERE appointment_id = 824`);
    await expectAgreement();
  });

  test('with text of a megabyte, and with long values that an update leaves alone', async () => {
    // Hexadecimal noise does not compress away: the server stores it out of line and does not send it again.
    const megabyte = randomBytes(524_288).toString('hex');
    const name = randomBytes(8_000).toString('hex');
    const device = '00-11-22-33-44-55-66-77';
    await sql(`INSERT INTO registration.participant VALUES ('LONG', 'X', $1, '2001-01-01', NULL, 1)`, [name]);
    await sql(
      `INSERT INTO registration.meter_asset (device_id, serial_number, model, status, device_type) VALUES ($1, 'S1', $2, 'Commissioned', 'ESME')`,
      [device, megabyte],
    );
    await expectAgreement();
    await transaction(async () => {
      await sql(`UPDATE registration.participant SET effective_to = '2030-01-01' WHERE mpid = 'LONG'`);
      await sql(`UPDATE registration.meter_asset SET serial_number = 'S2' WHERE device_id = $1`, [device]);
      await sql(`UPDATE registration.meter_asset SET firmware_version = '2' WHERE device_id = $1`, [device]);
    });
    const { rows } = await sql('SELECT length(model) AS length FROM registration.meter_asset');
    expect(rows).toEqual([{ length: 1_048_576 }]);
    await expectAgreement();
  });

  test('committed in another order than they began', async () => {
    await insertPoints(rig.registration, 851, 860);
    const others = await Promise.all(
      [0, 1, 2].map(async () => {
        const client = new pg.Client({ connectionString: rig.registrationUrl });
        await client.connect();
        await client.query('BEGIN');
        await client.query('SELECT pg_current_xact_id()');
        return client;
      }),
    );
    // The first to begin is the last to commit, and changes the rows that the later ones have changed and committed.
    for (const [index, client] of others.toReversed().entries()) {
      await client.query(
        `UPDATE registration.metering_point SET line_loss_factor = $1 WHERE mpan_core IN (SELECT mpan(n) FROM generate_series(851, 860) AS n)`,
        [1 + index / 100],
      );
      await client.query(
        `INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series($1::bigint, $1::bigint + 4) AS n`,
        [870 + index * 5],
      );
      await client.query('COMMIT');
      await client.end();
    }
    await expectAgreement();
  });

  test('whose dates and numbers no flow can carry comes back with exactly these codes', async () => {
    const bad: readonly (readonly [n: number, change: string, codes: readonly string[]])[] = [
      [901, `supplier_efd = 'infinity'`, ['ITEM_INVALID']],
      [902, `data_service_efd = '-infinity'`, ['ITEM_INVALID']],
      [903, `line_loss_factor = 'NaN'`, ['ITEM_INVALID']],
      [904, `line_loss_factor = 1234567`, ['ITEM_INVALID']],
      [905, `supplier_efd = '0044-03-15 BC'`, ['PARTICIPANT_ROLE_INACTIVE']],
      [906, `gsp_group = repeat('X', 1048576)`, ['GSP_GROUP_UNKNOWN']],
      [907, `mpan_core = '1300000009070', gsp_group = NULL`, ['ITEM_MISSING', 'MPAN_CHECK_DIGIT']],
    ];
    for (const [n, change, codes] of bad) {
      await transaction(async () => {
        await insertPoints(rig.registration, n, n);
        await sql(`UPDATE registration.metering_point SET ${change} WHERE mpan_core = mpan($1)`, [n]);
      });
      refused.set(change.startsWith('mpan_core') ? '1300000009070' : await mpan(n), codes);
    }
    await transaction(async () => {
      await insertPoints(rig.registration, 908, 908);
      await sql(`INSERT INTO registration.appointment SELECT ${goodAppointment} FROM generate_series(908, 908) AS n`);
      await sql(`UPDATE registration.appointment SET contract_reference = $1 WHERE appointment_id = 908`, [
        randomBytes(8_000).toString('hex'),
      ]);
    });
    await expectAgreementExceptAppointmentOf(908, ['CONTRACT_FORMAT']);
    // Refused again for the same reason, although the server does not send the long reference again.
    await sql(`UPDATE registration.appointment SET meter_id = 'OTHER' WHERE appointment_id = 908`);
    await expectAgreementExceptAppointmentOf(908, ['CONTRACT_FORMAT']);
    // And once more under another MPAN: the long reference is in the old row, which is sent whole.
    await insertPoints(rig.registration, 909, 909);
    await sql(`UPDATE registration.appointment SET mpan_core = mpan(909) WHERE appointment_id = 908`);
    refused.delete(await mpan(908));
    await expectAgreementExceptAppointmentOf(909, ['CONTRACT_FORMAT']);
  });

  async function expectAgreementExceptAppointmentOf(n: number, codes: readonly string[]): Promise<void> {
    refused.set(await mpan(n), codes);
    await expectAgreement();
  }

  test('that empties tables', async () => {
    await sql('TRUNCATE registration.metering_point, registration.appointment');
    refused.clear();
    await transaction(async () => {
      await insertPoints(rig.registration, 1, 10);
      await insertAppointments(rig.registration, 1, 10);
    });
    await transaction(async () => {
      await sql('TRUNCATE registration.appointment');
      await insertAppointments(rig.registration, 6, 12);
      await insertPoints(rig.registration, 11, 12);
    });
    await expectAgreement();
  });
});
