import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { partitionOf } from '../topics/partitioner.ts';
import { untilEverythingIsThrough, untilReferenceDataArrived } from '../test/agreement.fixture.ts';
import {
  createHelpers,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from '../test/registration-rows.fixture.ts';
import { Rig, until } from '../test/rig.fixture.ts';
import { performed } from './perform.fixture.ts';
import type { MeteringPointDiff } from './diff/page.ts';

describe('with both sides running', () => {
  const { kafkaBrokers } = inject('stack');
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.registration.query(
      `INSERT INTO registration.participant VALUES ('OTHR', 'M', 'Another metering service', '2000-01-01', NULL, 1)`,
    );
    await insertPoints(rig.registration, 1, 20);
    await insertAppointments(rig.registration, 1, 20);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 9);
    await rig.registration.query(
      `INSERT INTO registration.meter_asset (device_id, mpan_core, serial_number, device_type, status, installed_on)
       VALUES ('00-0A-00-00-00-00-00-01', mpan(1), 'S1', 'ESME', 'Commissioned', '2024-04-01')`,
    );
    await untilEverythingIsThrough(rig);
  });

  afterAll(async () => {
    await rig.stop();
  });

  async function mpan(n: number): Promise<string> {
    return ((await rig.registration.query('SELECT mpan($1) AS mpan', [n])).rows[0] as { mpan: string }).mpan;
  }

  /** In this process, which is quicker. */
  async function command(...words: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const { code, out, err } = await performed(...words, '--config', rig.configurationFile);
    return { status: code, stdout: out, stderr: err };
  }

  async function diff(n: number, ...options: string[]): Promise<{ status: number | null; found: MeteringPointDiff }> {
    const { status, stdout, stderr } = await command('diff', await mpan(n), '--json', '--reveal', ...options);
    if (stdout === '') throw new Error(stderr);
    return { status, found: JSON.parse(stdout) as MeteringPointDiff };
  }

  async function change(sql: string): Promise<void> {
    await rig.registration.query(sql);
    await untilEverythingIsThrough(rig);
  }

  const outcomes = (found: MeteringPointDiff): string[] =>
    found.events.map(({ entity, recordType, outcome, why }) => [entity, recordType, outcome, ...why].join(' '));

  test('diff finds a point, its appointment and its asset equal, and every event of them applied', async () => {
    const { status, found } = await diff(1);
    expect(status).toBe(0);
    expect(found.verdict).toBe('agree');
    expect(found.rows.map(({ entity }) => entity)).toEqual(['metering_point', 'appointment', 'meter_asset']);
    // The initial load may come across the asset, too.
    expect(new Set(outcomes(found).filter((one) => one !== 'meter_asset read unchanged'))).toEqual(
      new Set(['metering_point read applied', 'appointment read applied', 'meter_asset create applied']),
    );
  });

  test('diff tells a refused change with its rule, and shows no MPAN core in full', async () => {
    await change(`UPDATE registration.metering_point SET gsp_group = '_Z' WHERE mpan_core = mpan(2)`);
    const { status, found } = await diff(2);
    expect(status).toBe(3);
    expect(outcomes(found).at(-1)).toMatch(/^metering_point update rejected [A-Z_]+/);
    expect(found.events.at(-1)?.changes).toEqual({ gsp_group: ['_D', '_Z'] });
    const { stdout, status: again } = await command('diff', await mpan(2));
    expect(again).toBe(3);
    expect(stdout).toMatch(/≠ metering_point .*other items agree/);
    expect(stdout).toMatch(/^ {4}gsp_group +_Z +_D$/m);
    expect(stdout).toMatch(/^! \d\d:\d\d:\d\d \S+ metering-point\/\d@\d+ +rejected [A-Z_]+ gsp_group/m);
    expect((await command('diff', await mpan(2), '--all')).stdout).toMatch(/^≠ +gsp_group +_Z +_D$/m);
    expect(stdout).toMatch(/They differ:\n {2}metering_point \(gsp_group\): its last event is rejected/);
    expect(stdout).not.toContain(await mpan(2));
  });

  test('diff tells what is held, what overtook a hold, what changed nothing, and what is not ours', async () => {
    await change(`UPDATE registration.metering_point SET supplier_mpid = 'NEWS' WHERE mpan_core = mpan(3)`);
    expect(outcomes((await diff(3)).found).at(-1)).toBe('metering_point update held PARTICIPANT_UNKNOWN');
    await change(`UPDATE registration.metering_point SET supplier_mpid = 'SUPB' WHERE mpan_core = mpan(3)`);
    await change(`UPDATE registration.metering_point SET supplier_mpid = 'SUPB' WHERE mpan_core = mpan(3)`);
    expect(outcomes((await diff(3)).found).slice(-3)).toEqual([
      'metering_point update superseded',
      'metering_point update applied',
      'metering_point update unchanged',
    ]);
    await change(
      `INSERT INTO registration.appointment (appointment_id, mpan_core, service_type, mpid) VALUES (900, mpan(3), 'MSS', 'OTHR')`,
    );
    const { status, found } = await diff(3);
    expect(outcomes(found).at(-1)).toBe('appointment create not-ours OTHR');
    expect(status).toBe(3);
  });

  test('diff tells what somebody changed in the store', async () => {
    await rig.metering.query(`UPDATE metering.metering_point SET load_shape_category = 'X' WHERE mpan_core = $1`, [
      await mpan(4),
    ]);
    await rig.metering.query('DELETE FROM metering.metering_point WHERE mpan_core = $1', [await mpan(5)]);
    const { stdout } = await command('diff', await mpan(4), '--all');
    expect(stdout).toMatch(
      /load_shape_category\): its last event is applied, so the store was changed by somebody else/,
    );
    const { found } = await diff(5);
    expect(outcomes(found)[0]).toBe('metering_point read no trace');
  });

  test('diff tells a delete, and a record that nobody can read', async () => {
    await change('DELETE FROM registration.appointment WHERE appointment_id = 6');
    await change('DELETE FROM registration.metering_point WHERE mpan_core = mpan(6)');
    const key = await mpan(6);
    const kafka = new Kafka({ brokers: kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    const topic = `${rig.registrationPrefix}.metering-point`;
    const value = Buffer.from(`not avro, of ${key}`);
    await producer.send({ topic, messages: [{ key, value, partition: partitionOf(Buffer.from(key), 4) }] });
    await producer.disconnect();
    await until(
      'it is set aside',
      () => diff(6),
      ({ found }) => outcomes(found).some((one) => one.includes('dead-lettered')),
    );
    const { found } = await diff(6);
    expect(found.rows).toEqual([]);
    expect(outcomes(found).map((one) => one.split(' ').slice(0, 3).join(' '))).toEqual([
      'metering_point read applied',
      'appointment read applied',
      'appointment delete applied',
      'metering_point delete applied',
      'metering_point unreadable dead-lettered',
    ]);
    // The same record in a tail: with its bytes, in which the MPAN core is masked, and reading goes on behind it.
    await rig.registration.query(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(7)`);
    await untilEverythingIsThrough(rig);
    const tail = await command('tail', topic, '--from', 'beginning', '--no-follow', '--json');
    const lines = tail.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { key: string; undecodable?: { hex: string; reason: string } });
    const bad = lines.filter(({ undecodable }) => undecodable !== undefined);
    expect(bad).toHaveLength(1);
    expect(Buffer.from(bad[0]?.undecodable?.hex ?? '', 'hex').toString()).toMatch(/^not avro, of 13\*+\d\d$/);
    expect(bad[0]?.undecodable?.reason).toContain('not 0');
    expect(lines.length).toBeGreaterThan(25);
    expect(tail.stdout).not.toContain(key);
  });

  test('tail begins where it is told, reads one partition for a key, and ends after so many', async () => {
    const topic = `${rig.registrationPrefix}.metering-point`;
    const key = await mpan(7);
    const partition = partitionOf(Buffer.from(key), 4);
    const tail = async (
      ...options: string[]
    ): Promise<
      {
        partition: number;
        offset: number;
        event: { recordType: string; supplier_efd: string; source: { lsn: number } } | null;
      }[]
    > => {
      const { stdout, status, stderr } = await command('tail', topic, '--no-follow', '--json', '--reveal', ...options);
      if (status !== 0) throw new Error(stderr);
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as never);
    };
    // Without a place: the newest of the topic, over its partitions, in the order in which they were committed.
    const newest = await tail();
    expect(newest).toHaveLength(10);
    const lsns = newest.flatMap(({ event }) => (event === null ? [] : [event.source.lsn]));
    expect(lsns).toEqual(lsns.toSorted((a, b) => a - b));
    const all = await tail('--from', 'beginning');
    expect(lsns.at(-1)).toBe(Math.max(...all.map(({ event }) => event?.source.lsn ?? 0)));
    expect((await tail('-n', '3')).map(({ partition: of, offset }) => [of, offset])).toEqual(
      newest.slice(-3).map(({ partition: of, offset }) => [of, offset]),
    );
    expect((await tail('-n', '1', '--mpan', await mpan(1))).map(({ event }) => event?.recordType)).toEqual(['read']);
    expect(await tail('-n', '1000')).toHaveLength(all.length);
    expect(await tail('--from', 'end')).toEqual([]);
    expect((await command('tail', topic, '-n', '3', '--from', '1h')).status).toBe(2);
    const own = await tail('--from', 'beginning', '--mpan', key);
    expect(own.map(({ event }) => event?.recordType)).toEqual(['read', 'update']);
    expect(own[0]?.event?.supplier_efd).toBe('2024-04-01');
    expect(own.every((one) => one.partition === partition)).toBe(true);
    const second = own[1]?.offset ?? 0;
    const from = await tail('--from', String(second), '--partition', String(partition));
    expect(from[0]).toMatchObject({ partition, offset: second });
    expect(await tail('--from', 'beginning', '--limit', '3')).toHaveLength(3);
    expect((await tail('--from', '1h')).length).toBe((await tail('--from', 'beginning')).length);
    expect((await command('tail', topic, '--from', 'yesterday')).status).toBe(2);
    expect((await command('tail', topic, '--partition', '9', '--no-follow')).status).toBe(2);
  });
});
