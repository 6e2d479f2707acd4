import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { untilEverythingIsThrough, untilReferenceDataArrived } from '../test/agreement.fixture.ts';
import { createHelpers, insertPoints, insertReferenceData } from '../test/registration-rows.fixture.ts';
import { RegistryProxy } from '../test/registry-proxy.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import type { ShownExamination, ShownLetter } from './dead-letters/page.ts';
import { performed } from './perform.fixture.ts';

describe('records that could not be decoded', () => {
  const { kafkaBrokers, schemaRegistryUrl } = inject('stack');
  let rig: Rig;
  let registry: RegistryProxy;
  let points: string;
  let schemaId: number;

  beforeAll(async () => {
    registry = await RegistryProxy.to(schemaRegistryUrl);
    rig = await Rig.create(inject('stack'), { registry: { url: registry.url } });
    points = `${rig.registrationPrefix}.metering-point`;
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.init();
    const answer = await fetch(`${schemaRegistryUrl}/subjects/${points}-value/versions/latest`);
    schemaId = ((await answer.json()) as { id: number }).id;
    // From the start this side is told that the schema of metering points does not exist.
    registry.hidden.add(schemaId);
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 8);
    await insertPoints(rig.registration, 1, 3);
    await until('all three are set aside', letters, (found) => found.length === 3);
  });

  afterAll(async () => {
    await rig.stop();
    registry.server.close();
    registry.server.closeAllConnections();
  });

  async function command(...words: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const { code, out, err } = await performed('dead-letters', ...words, '--config', rig.configurationFile);
    return { status: code, stdout: out, stderr: err };
  }

  async function letters(...options: string[]): Promise<readonly ShownLetter[]> {
    const { stdout, stderr } = await command('list', '--json', ...options);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as ShownLetter[];
  }

  async function shownAs(name: string): Promise<ShownExamination> {
    return JSON.parse((await command('show', name, '--json', '--reveal')).stdout) as ShownExamination;
  }

  async function mpan(n: number): Promise<string> {
    return ((await rig.registration.query('SELECT mpan($1) AS mpan', [n])).rows[0] as { mpan: string }).mpan;
  }

  const outcomes = (outcome: string): Promise<number> =>
    count(
      rig.metering,
      `SELECT coalesce(sum(count), 0) AS count FROM metering.outcome WHERE topic = $1 AND outcome = $2`,
      [points, outcome],
    );

  test('are listed with their reason, masked, and shown with the schema that is missing', async () => {
    const found = await letters();
    expect(
      found.every(
        ({ state, code, key }) => state === 'open' && code === 'EVENT_UNREADABLE' && /^13\*+\d\d$/.test(key ?? ''),
      ),
    ).toBe(true);
    const name = found[0]?.letter ?? '';
    expect(name).toMatch(new RegExp(`^${points}/\\d@\\d+$`));
    const one = await shownAs(name);
    expect(one).toMatchObject({ schemaId, problem: expect.stringContaining(`no schema ${schemaId}`) as string });
    // Read by the topic's own schema, as the best that can be done.
    expect(one.fields).toMatchObject({ recordType: 'create', gsp_group: '_D' });
    const page = await command('show', name);
    expect(page.stdout).toContain('000000  00 ');
    expect(page.stdout).not.toContain(String(one.fields['mpan_core']));
    expect((await command('show', `${points}/0@999`)).status).toBe(2);
  });

  test('are not redriven by a plan, and nothing is said to be readable that is not', async () => {
    const { status, stdout } = await command('redrive', '--json');
    expect(status).toBe(3);
    const plans = JSON.parse(stdout) as { does: string; outcome: string }[];
    expect(plans.map(({ outcome }) => outcome)).toEqual(['planned', 'planned', 'planned']);
    expect(plans[0]?.does).toContain('still can not be read');
    expect(await count(rig.registration, 'SELECT count(*) FROM concord.snapshot_job')).toBe(0);
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.redrive')).toBe(0);
  });

  test('are redriven when they can be read: the row is read again, and the event was superseded', async () => {
    await rig.kill('metering');
    registry.hidden.clear();
    rig.start('metering');
    // The row has changed since, and another is gone: what counts is what holds now.
    await rig.registration.query(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(1)`);
    await rig.registration.query('DELETE FROM registration.metering_point WHERE mpan_core = mpan(3)');
    const all = await letters();
    const ofFirst: string[] = [];
    for (const { letter } of all) if ((await shownAs(letter)).key === (await mpan(1))) ofFirst.push(letter);
    expect(ofFirst).toHaveLength(1);
    const { status, stdout } = await command('redrive', ofFirst[0] ?? '', '--yes', '--json');
    expect({ status, done: JSON.parse(stdout) as unknown }).toEqual({
      status: 0,
      done: [{ letter: ofFirst[0], does: expect.stringContaining('it can be read now') as string, outcome: 'closed' }],
    });
    const { rows } = await rig.metering.query('SELECT opt_out FROM metering.metering_point WHERE mpan_core = $1', [
      await mpan(1),
    ]);
    expect(rows).toEqual([{ opt_out: true }]);
    expect(await outcomes('superseded')).toBe(1);
    expect(await outcomes('dead-lettered')).toBe(2);
    // It is kept, with who closed it and when.
    const closed = await letters('--state', 'closed');
    expect(closed).toMatchObject([
      { letter: ofFirst[0], state: 'superseded', attempts: 1, closedBy: expect.stringMatching(/.@./) as string },
    ]);
  });

  test('killed with -9 when the row is read but not applied, a redrive is done again, and counts once', async () => {
    await rig.kill('metering');
    const child = spawn(
      process.execPath,
      [
        path.resolve(import.meta.dirname, '../dist/cli/concord.js'),
        'dead-letters',
        'redrive',
        '--yes',
        '--config',
        rig.configurationFile,
      ],
      { stdio: 'ignore' },
    );
    await until(
      'the source has read the row of the first',
      () => count(rig.registration, `SELECT count(*) FROM concord.snapshot_job WHERE id > 1 AND state = 'done'`),
      (jobs) => jobs >= 1,
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await letters()).toHaveLength(2);
    rig.start('metering');
    expect((await command('redrive', '--yes')).status).toBe(0);
    expect(await letters()).toHaveLength(0);
    expect(await outcomes('dead-lettered')).toBe(0);
    expect(await outcomes('superseded')).toBe(3);
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.metering_point')).toBe(2);
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.redrive')).toBe(4);
    const balance = await untilEverythingIsThrough(rig);
    expect(balance.closes).toBe(true);
    expect((await performed('reconcile', '--json', '--config', rig.configurationFile)).code).toBe(0);
    expect((await command('redrive', '--yes')).status).toBe(0);
    expect(await outcomes('superseded')).toBe(3);
  });

  test('that stay unreadable have the row of their key read again, and stay dead-lettered', async () => {
    const key = await mpan(2);
    await rig.metering.query('DELETE FROM metering.metering_point WHERE mpan_core = $1', [key]);
    const producer = new Kafka({ brokers: kafkaBrokers.split(','), logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    const value = Buffer.alloc(9);
    value.writeUInt32BE(schemaId, 1);
    value[5] = 0x0c;
    await producer.send({ topic: points, messages: [{ key, value, partition: 0 }] });
    await producer.send({ topic: points, messages: [{ key: '__truncate__', value: 'no', partition: 0 }] });
    await producer.disconnect();
    await until('both are set aside', letters, (found) => found.length === 2);
    const first = (await letters()).find(({ key: shownKey }) => shownKey !== '__truncate__')?.letter ?? '';
    expect((await shownAs(first)).problem).toMatch(/field `recordType`, byte 5 of the value/);
    const { status, stdout } = await command('redrive', '--yes');
    expect(status).toBe(3);
    expect(stdout).toContain('1 of 2 are closed');
    expect(stdout).toContain('reconcile --repair');
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.metering_point WHERE mpan_core = $1', [key])).toBe(
      1,
    );
    expect(await outcomes('dead-lettered')).toBe(2);
    expect(await letters('--state', 'closed')).toHaveLength(4);
    // Neither was captured by the source: both are on the left of the equation because they are on the right.
    const { topics, closes } = await untilEverythingIsThrough(rig);
    expect(closes).toBe(true);
    expect(topics.find(({ topic }) => topic === points)).toMatchObject({ deadLettered: 2, inFlight: 0 });
  });
});
