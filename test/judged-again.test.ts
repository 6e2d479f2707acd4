import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Performed, performed } from '../cli/perform.fixture.ts';
import {
  createHelpers,
  goodAppointment,
  goodPoint,
  insertPoints,
  insertReferenceData,
} from './registration-rows.fixture.ts';
import { untilReferenceDataArrived } from './agreement.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';

/** What people ask about a point in time and about what was refused, as they ask it: by the command line. */
describe('what was told too early for the reference data', () => {
  let rig: Rig;

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

  async function json(...words: readonly string[]): Promise<unknown> {
    const { out, err } = await command(...words, '--json');
    return JSON.parse(out === '' ? JSON.stringify({ err }) : out) as unknown;
  }

  /** In this process: a process of its own for each question would take most of the time. */
  function command(...words: readonly string[]): Promise<Performed> {
    return performed(...words, '--config', rig.configurationFile);
  }

  const identity = `SELECT mpan_core, record_type, entity, entity_key, generation, lsn, ordinal, revision, rule_codes, details,
    reference_version, receiver, status, raised_at, resolved_by_generation, resolved_by_lsn, resolved_at FROM`;
  const order = 'ORDER BY lsn, ordinal, revision';

  /** Both sides have the same rejections, item by item. Returns their revision and status. */
  async function agreed(statuses: readonly string[]): Promise<void> {
    const there = await until(
      `the rejections are ${statuses.join(', ')}`,
      async () =>
        (await rig.registration.query<{ revision: number; status: string }>(`${identity} inbox.rejection ${order}`))
          .rows,
      (rows) =>
        JSON.stringify(rows.map(({ revision, status }) => `${revision} ${status}`)) === JSON.stringify(statuses),
    );
    expect((await rig.metering.query(`${identity} metering.rejection ${order}`)).rows).toEqual(there);
  }

  test('is withdrawn on both sides when newer reference data makes it right, and is in the store', async () => {
    const early = goodPoint.replaceAll("DATE '2024-04-01'", "DATE '1999-04-01'");
    await rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${early} FROM generate_series(1, 1) AS n;
       INSERT INTO registration.metering_point SELECT ${early.replace("'W'", "'U'")} FROM generate_series(2, 2) AS n`,
    );
    await agreed(['1 open', '1 open']);
    await rig.registration.query(
      `UPDATE registration.participant SET effective_from = '1990-01-01', reference_version = 2 WHERE mpid <> 'MANW'`,
    );
    await agreed(['1 withdrawn', '1 withdrawn', '2 open']);
    const { rows } = await rig.metering.query(
      `SELECT supplier_efd::text, lsn < decided_lsn AS decided FROM metering.metering_point
       WHERE mpan_core = (SELECT mpan_core FROM metering.rejection ORDER BY lsn, ordinal, revision LIMIT 1)`,
    );
    expect(rows).toEqual([{ supplier_efd: '1999-04-01', decided: true }]);
  });

  test('is listed by MPAN, rule, status and age, and explained', async () => {
    const list = async (...words: readonly string[]): Promise<number> =>
      ((await json('rejections', 'list', ...words)) as unknown[]).length;
    const mpan = (
      (await rig.registration.query<{ mpan: string }>('SELECT mpan(2) AS mpan')).rows[0]?.mpan ?? ''
    ).toString();
    expect(await list()).toBe(1);
    expect(await list('--status', 'all', '--mpan', mpan)).toBe(2);
    expect(await list('--status', 'withdrawn', '--rule', 'participant_role_inactive')).toBe(2);
    expect(await list('--older-than', '1 day', '--status', 'all')).toBe(0);
    expect((await command('rejections', 'list', '--rule', 'NO_SUCH_RULE')).code).toBe(2);
    expect((await command('rejections', 'list', '--older-than', 'soon')).code).toBe(2);
    const { out } = await command('rejections', 'show', '--mpan', mpan);
    expect(out).toMatch(
      /withdrawn .*newer reference data, or the metering point that was missing, gives another verdict/,
    );
    expect(out).toMatch(/renewed \(revision 2\)/);
    expect(out).toMatch(/✗ SEGMENT_CONNECTION.*\n {4}→ /);
    expect(out).not.toContain(mpan);
    const published = await command(
      'tail',
      `${rig.meteringPrefix}.rejection`,
      '--from',
      'beginning',
      '--no-follow',
      '--json',
    );
    expect(published.out.match(/"recordType": ?"withdrawal"/g)).toHaveLength(2);
  });

  test('shows what is held and for what, until it becomes an error or is let go', async () => {
    await rig.registration.query(
      `INSERT INTO registration.appointment SELECT ${goodAppointment.replaceAll("'SUPA'", "'SUPN'")} FROM generate_series(5, 5) AS n`,
    );
    await until(
      'it is held',
      () => count(rig.metering, 'SELECT count(*) FROM metering.held'),
      (n) => n === 1,
    );
    expect(await json('held', 'list')).toMatchObject([{ entity: 'appointment', rule_codes: ['PARTICIPANT_UNKNOWN'] }]);
    expect(await json('status')).toMatchObject({ held: 1, heldFor: { PARTICIPANT_UNKNOWN: 1 } });
    expect((await command('held', 'list')).out).toMatch(/PARTICIPANT_UNKNOWN .*SUPN/);
    await rig.registration.query(`DELETE FROM registration.appointment WHERE appointment_id = 5`);
    await until(
      'nothing is held',
      () => count(rig.metering, 'SELECT count(*) FROM metering.held'),
      (n) => n === 0,
    );
  });

  test('is answered for as of a date and a moment, while the store has that history', async () => {
    await insertPoints(rig.registration, 6, 6);
    const { rows } = await rig.registration.query<{ mpan: string }>(
      `UPDATE registration.metering_point SET supplier_mpid = 'SUPB', supplier_efd = '2024-06-01' WHERE mpan_core = mpan(6) RETURNING mpan_core AS mpan`,
    );
    const mpan = rows[0]?.mpan ?? '';
    const { rows: known } = await until(
      'the switch arrives',
      () =>
        rig.metering.query<{ before: string }>(
          `SELECT (source_time - interval '1 microsecond')::text AS before FROM metering.metering_point WHERE supplier_mpid = 'SUPB'`,
        ),
      (found) => found.rows.length === 1,
    );
    const supplier = async (date: string, ...words: readonly string[]): Promise<unknown> =>
      ((await json('as-of', mpan, date, ...words)) as { meteringPoint: { supplier_mpid: string } | null }).meteringPoint
        ?.supplier_mpid ?? null;
    expect(await supplier('2024-03-31')).toBeNull();
    expect(await supplier('2024-05-31')).toBe('SUPA');
    expect(await supplier('2024-06-01')).toBe('SUPB');
    expect(await supplier('2024-06-01', '--known-at', known[0]?.before ?? '')).toBe('SUPA');
    const shown = await command('as-of', mpan, '2024-06-01');
    expect(shown.out).toMatch(/supplier_mpid +SUPB/);
    expect(shown.out).not.toContain(mpan);
    expect((await command('as-of', mpan, '2024-06-31')).code).toBe(2);
    expect((await command('as-of', mpan, '2024-06-01', '--known-at', 'yesterday evening')).code).toBe(2);
    // What retention leaves behind when it has removed something of before today.
    await rig.metering.query(
      `INSERT INTO metering.history_kept_from VALUES ('metering_point', now() - interval '1 second')`,
    );
    const refused = await command('as-of', mpan, '2024-06-01');
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/^HISTORY_REMOVED: .*\n {2}What to do: /)]);
    expect(await json('status')).toMatchObject({ historyKeptFrom: { metering_point: expect.any(String) as string } });
    expect(await json('retention', '--dry-run')).toMatchObject({ removed: { metering_point: 0 }, interrupted: false });
  });
});
