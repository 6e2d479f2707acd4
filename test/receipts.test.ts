import { performed } from '../cli/perform.fixture.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { parse, stringify } from 'yaml';
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

interface Told {
  readonly verdict: string;
  readonly outcome: string | null;
  readonly entity: string;
  readonly key: string;
  readonly lane: number | null;
  readonly recordType: string | null;
  readonly position: { readonly generation: number; readonly lsn: number; readonly ordinal: number } | null;
  readonly why: readonly { readonly code: string }[];
  readonly due: string | null;
  readonly acknowledged: { readonly receiver: string } | null;
}

/** For any event and any row there is one answer, by what both sides keep. */
describe('what became of it', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    const { registration } = rig;
    await createHelpers(registration);
    await insertReferenceData(registration);
    await registration.query(
      `INSERT INTO registration.participant VALUES ('MSVB', 'M', 'Another', '2000-01-01', NULL, 1)`,
    );
    await insertPoints(registration, 1, 2);
    await insertAppointments(registration, 1, 1);
    await registration.query(
      `INSERT INTO registration.metering_point SELECT ${goodPoint.replace("'AI'", "'XX'")} FROM generate_series(3, 3) AS n`,
    );
    await registration.query(
      `INSERT INTO registration.metering_point SELECT ${goodPoint.replace('SUPA', 'SUPZ')} FROM generate_series(4, 4) AS n`,
    );
    await registration.query(
      `INSERT INTO registration.appointment SELECT ${goodAppointment.replace('MSVA', 'MSVB')} FROM generate_series(2, 2) AS n`,
    );
    await registration.query('DELETE FROM registration.metering_point WHERE mpan_core = mpan(2)');
    await until(
      'everything has its outcome and its receipt',
      () => rig.command('receipts', '--unacknowledged-for', '0s', '--json'),
      ({ status }) => status === 0,
    );
    // As long as the tables are loaded, it is for that.
    await until(
      'what waits is held for a participant',
      async () =>
        (await rig.metering.query<{ rule_codes: readonly string[] }>('SELECT rule_codes FROM metering.held')).rows,
      ([row, ...others]) => others.length === 0 && row?.rule_codes.join() === 'PARTICIPANT_UNKNOWN',
    );
    await until(
      'the rejection is in the inbox',
      () => count(registration, 'SELECT count(*) FROM inbox.rejection'),
      (n) => n === 1,
    );
  });

  afterAll(async () => {
    await rig.stop();
  });

  async function ask(...words: readonly string[]): Promise<{ status: number | null; answers: readonly Told[] }> {
    // In this process: there are many questions, and each would start a program.
    const { code, out, err } = await performed('receipts', ...words, '--json', '--config', rig.configurationFile);
    if (out === '') throw new Error(err);
    return { status: code, ...(JSON.parse(out) as { answers: readonly Told[] }) };
  }

  async function mpan(n: number): Promise<string> {
    const { rows } = await rig.registration.query<{ mpan: string }>('SELECT mpan($1) AS mpan', [n]);
    return rows[0]?.mpan ?? '';
  }

  /** Asks for the row, then for the event that carries it: both must say the same. */
  async function both(table: string, key: string): Promise<{ status: number | null; answer: Told | undefined }> {
    const row = await ask('--table', table, '--key', key, '--reveal');
    const position = row.answers[0]?.position;
    if (position === null || position === undefined)
      throw new Error(`no position for ${table} ${key}: ${JSON.stringify(row)}`);
    const event = await ask('--lsn', String(position.lsn), '--ordinal', String(position.ordinal), '--reveal');
    expect(event.answers).toHaveLength(1);
    const { verdict, outcome, why, due, lane, acknowledged, entity, key: named } = row.answers[0] ?? ({} as Told);
    // The receipt itself may be a newer one by now.
    const { receiver } = acknowledged ?? { receiver: 'nobody' };
    expect(event.answers[0]).toMatchObject({
      verdict,
      outcome,
      why,
      due,
      lane,
      acknowledged: { receiver },
      entity,
      key: named,
    });
    expect(event.status).toBe(row.status);
    return { status: row.status, answer: event.answers[0] };
  }

  const signed = { receiver: 'MSVA' };

  test('a good row is delivered, and so is the delete of one', async () => {
    expect(await both('metering_point', await mpan(1))).toMatchObject({
      status: 0,
      answer: { verdict: 'delivered', outcome: 'applied', recordType: 'create', acknowledged: signed },
    });
    expect(await both('appointment', '1')).toMatchObject({
      status: 0,
      answer: { verdict: 'delivered', outcome: 'applied' },
    });
    expect(await both('participant', 'SUPA|X|2000-01-01')).toMatchObject({
      status: 0,
      answer: { verdict: 'delivered', lane: 0 },
    });
    expect(await both('metering_point', await mpan(2))).toMatchObject({
      status: 0,
      answer: { verdict: 'delivered', outcome: 'applied', recordType: 'delete', acknowledged: signed },
    });
  });

  test('a bad row is rejected, and why; one that waits is held, for what and until when', async () => {
    expect(await both('metering_point', await mpan(3))).toMatchObject({
      status: 3,
      answer: { verdict: 'rejected', why: [{ code: 'QUANTITY_UNKNOWN' }], acknowledged: signed },
    });
    const held = await both('metering_point', await mpan(4));
    expect(held).toMatchObject({
      status: 0,
      answer: { verdict: 'held', why: [{ code: 'PARTICIPANT_UNKNOWN' }], acknowledged: signed },
    });
    expect(held.answer?.due).toMatch(/^\d{4}-/);
  });

  test('what is another’s is delivered and not ours; what never was is unknown', async () => {
    expect(await ask('--table', 'appointment', '--key', '2')).toMatchObject({
      status: 0,
      answers: [{ verdict: 'delivered', outcome: 'not ours' }],
    });
    expect(await ask('--table', 'appointment', '--key', '77')).toMatchObject({
      status: 3,
      answers: [{ verdict: 'unknown' }],
    });
    expect(await ask('--lsn', '0/1')).toMatchObject({ status: 3, answers: [{ verdict: 'unknown' }] });
    expect(await ask('--lsn', 'FFF/0')).toMatchObject({ status: 0, answers: [{ verdict: 'not yet' }] });
  });

  test('the other way: a rejection is delivered to the inbox, as a row and as an event', async () => {
    const { rows } = await rig.metering.query<{ id: string }>('SELECT rejection_id AS id FROM metering.rejection');
    expect(await ask('--table', 'rejection', '--key', rows[0]?.id ?? '')).toMatchObject({
      status: 0,
      answers: [{ verdict: 'delivered', outcome: 'applied' }],
    });
    const { stdout } = await rig.command('tail', `${rig.meteringPrefix}.rejection`, '--from', 'beginning', '--json');
    const { event } = JSON.parse(stdout.split('\n')[0] ?? '') as {
      event: { source: { lsn: number; ordinal: number } };
    };
    const words = [
      '--source',
      rig.meteringPrefix,
      '--lsn',
      String(event.source.lsn),
      '--ordinal',
      String(event.source.ordinal),
    ];
    expect(await ask(...words)).toMatchObject({
      status: 0,
      answers: [
        {
          entity: 'rejection',
          key: rows[0]?.id,
          verdict: 'delivered',
          acknowledged: { receiver: expect.any(String) as string },
        },
      ],
    });
  });

  test('what could not be decoded is dead-lettered, by the key under which it came', async () => {
    const key = await mpan(20);
    const client = new Kafka({ brokers: inject('stack').kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({ topic: `${rig.registrationPrefix}.metering-point`, messages: [{ key, value: 'no event' }] });
    await producer.disconnect();
    const letter = `SELECT count(*) FROM metering.dead_letter`;
    await until(
      'the letter is kept',
      () => count(rig.metering, letter),
      (n) => n === 1,
    );
    expect(await ask('--table', 'metering_point', '--key', key)).toMatchObject({
      status: 3,
      answers: [{ verdict: 'dead-lettered', why: [{ code: 'EVENT_UNREADABLE' }] }],
    });
  });

  test('the sender’s inboxes alone know what was rejected and what was delivered', async () => {
    const settings = parse(readFileSync(rig.configurationFile, 'utf8')) as { metering: { database: { url: string } } };
    settings.metering.database.url = 'postgres://nobody@127.0.0.1:1/nothing';
    const file = `${rig.configurationFile}.alone.yaml`;
    writeFileSync(file, stringify(settings));
    for (const [n, verdict] of [
      [1, 'delivered'],
      [3, 'rejected'],
    ] as const) {
      const [row] = (await ask('--table', 'metering_point', '--key', await mpan(n))).answers;
      const words = ['--lsn', String(row?.position?.lsn), '--ordinal', String(row?.position?.ordinal)];
      const { out } = await performed('receipts', ...words, '--json', '--config', file);
      expect(JSON.parse(out)).toMatchObject({
        answers: [{ verdict, acknowledged: signed, note: expect.stringContaining('could not be asked') as string }],
      });
    }
  });

  test('a rejection is taken up by somebody of the registration side, once, and what nobody has taken up is listed', async () => {
    const listed = async (...words: readonly string[]): Promise<readonly string[]> => {
      const { out } = await performed('rejections', 'list', '--side', 'registration', '--json', ...words, ...config());
      return (JSON.parse(out) as { rejection_id: string }[]).map(({ rejection_id: id }) => id);
    };
    const config = (): readonly string[] => ['--config', rig.configurationFile];
    const [id = ''] = await listed('--rule', 'QUANTITY_UNKNOWN');
    expect(await listed('--unacknowledged')).toContain(id);
    const words = ['rejections', 'acknowledge', id.slice(0, 8), '--by', 'kim', '--note', 'asked the distributor'];
    const first = await performed(...words, ...config());
    expect(first).toMatchObject({ code: 0, out: 'kim has acknowledged 1 of 1 rejection.\n' });
    const { out } = await performed('rejections', 'acknowledge', '--rule', 'QUANTITY_UNKNOWN', '--json', ...config());
    expect(JSON.parse(out)).toMatchObject({ acknowledged: [], before: [{ rejection_id: id, by: 'kim' }] });
    expect(await listed('--unacknowledged')).not.toContain(id);
    const shown = await performed('rejections', 'show', id, '--side', 'registration', ...config());
    expect(shown.out).toMatch(/seen by {5}kim\n {2}note {8}asked the distributor/);
    expect((await performed('rejections', 'acknowledge', ...config())).code).toBe(2);
  });

  test('MPAN cores are masked, in both forms', async () => {
    const key = await mpan(3);
    const { stdout } = await rig.command('receipts', '--table', 'metering_point', '--key', key);
    expect(stdout).toMatch(/^Row of metering_point 13\*{9}\d\d\n/);
    expect(stdout).toMatch(/\nRejected\.\n {2}QUANTITY_UNKNOWN: /);
    const json = await rig.command('receipts', '--table', 'metering_point', '--key', key, '--json');
    expect(stdout + json.stdout).not.toContain(key);
  });

  test('what nobody signs for is listed, and exit code 3; when the receiver is back it is not', async () => {
    await rig.kill('metering');
    await insertPoints(rig.registration, 10, 12);
    const overdue = await until(
      'three events wait',
      () => rig.command('receipts', '--unacknowledged-for', '1s', '--source', rig.registrationPrefix, '--json'),
      ({ stdout }) => (JSON.parse(stdout) as { sources: [{ total: number }] }).sources[0].total === 3,
    );
    expect(overdue.status).toBe(3);
    expect(overdue.stdout).not.toMatch(/\d{13}"/);
    const page = await rig.command('receipts', '--unacknowledged-for', '1s', '--source', rig.registrationPrefix);
    expect(page.stdout).toContain(`${rig.registrationPrefix}: 3 events have waited for a receipt for more than 1s.`);
    expect(await ask('--table', 'metering_point', '--key', await mpan(11))).toMatchObject({
      status: 0,
      answers: [{ verdict: 'not yet' }],
    });
    rig.start('metering');
    await until(
      'all is acknowledged',
      () => rig.command('receipts', '--unacknowledged-for', '0s', '--source', rig.registrationPrefix, '--json'),
      ({ status }) => status === 0,
    );
    expect(await both('metering_point', await mpan(11))).toMatchObject({ answer: { verdict: 'delivered' } });
  });
});
