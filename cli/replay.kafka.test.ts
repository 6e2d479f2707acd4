import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { untilEverythingIsThrough, untilReferenceDataArrived } from '../test/agreement.fixture.ts';
import {
  createHelpers,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from '../test/registration-rows.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import { liveTraces } from './live-traces.fixture.ts';
import { performed } from './perform.fixture.ts';
import type { DryRunDocument } from './replay/dry-run-page.ts';
import type { ReplayReport } from './replay/into.ts';
import type { TrialDocument } from './replay/trial-page.ts';

describe('a second store', () => {
  const { kafkaBrokers } = inject('stack');
  const directory = mkdtempSync(path.join(tmpdir(), 'concord-replay-'));
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, 200);
    await insertAppointments(rig.registration, 1, 150);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 8);
    // What is changed below must have been loaded before: otherwise there is no history of it.
    await untilEverythingIsThrough(rig);
    const sql = (text: string): Promise<unknown> => rig.registration.query(text);
    // Refused, held, resolved, overtaken, deleted and made again: something of everything.
    await sql(`UPDATE registration.metering_point SET gsp_group = '_Z' WHERE mpan_core IN (mpan(1), mpan(2))`);
    await sql(`UPDATE registration.metering_point SET supplier_mpid = 'NEWS' WHERE mpan_core IN (mpan(3), mpan(4))`);
    await sql(`UPDATE registration.metering_point SET gsp_group = '_D', opt_out = true WHERE mpan_core = mpan(1)`);
    await sql(`UPDATE registration.metering_point SET supplier_mpid = 'SUPB' WHERE mpan_core = mpan(3)`);
    await sql(`DELETE FROM registration.appointment WHERE appointment_id BETWEEN 100 AND 120`);
    await insertAppointments(rig.registration, 100, 110);
    await sql(`UPDATE registration.metering_point SET line_loss_factor = line_loss_factor + 0.001`);
    await sql(
      `UPDATE registration.appointment SET contract_reference = 'longer than ten' WHERE appointment_id IN (30, 31)`,
    );
    await sql(`INSERT INTO registration.participant VALUES ('NEWS', 'X', 'New supplier', '2000-01-01', NULL, 2)`);
    await untilEverythingIsThrough(rig);
  });

  afterAll(async () => {
    for (const name of ['first', 'strict', 'later', 'killed'])
      await performed('replay', 'drop', name, '--config', rig.configurationFile);
    await rig.stop();
    rmSync(directory, { recursive: true });
  });

  async function replay(
    ...words: string[]
  ): Promise<{ status: number; stdout: string; stderr: string; report: ReplayReport }> {
    const { code, out, err } = await performed('replay', ...words, '--json', '--config', rig.configurationFile);
    return { status: code, stdout: out, stderr: err, report: (out === '' ? null : JSON.parse(out)) as ReplayReport };
  }

  test('is the same as the live one, row for row, and leaves no trace on the live side', async () => {
    await rig.kill('metering');
    // What the live store has not applied must not be in the second one, although the topics have it.
    const mpan = ((await rig.registration.query('SELECT mpan(20) AS mpan')).rows[0] as { mpan: string }).mpan;
    await rig.registration.query(`UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = $1`, [mpan]);
    const topic = `${rig.registrationPrefix}.metering-point`;
    const tail = ['tail', topic, '--mpan', mpan, '--from', 'beginning', '--no-follow', '--json'];
    await until(
      'the change is on its topic',
      () => performed(...tail, '--config', rig.configurationFile),
      ({ out }) => out.includes('"opt_out":true'),
    );
    const before = await liveTraces(rig, kafkaBrokers);
    const { status, report, stderr } = await replay('--into', 'first');
    expect(stderr).toBe('');
    expect(report.tables.filter(({ differing }) => differing > 0)).toEqual([]);
    expect(report.outcomes).toEqual({});
    expect(report).toMatchObject({ verdict: 'same', completeFrom: null, rules: null });
    expect(status).toBe(0);
    const rows = Object.fromEntries(report.tables.map(({ table, second }) => [table, second]));
    expect(rows).toMatchObject({ participant: 9 });
    expect(rows['metering_point']).toBeGreaterThanOrEqual(200);
    expect(rows['rejection']).toBeGreaterThan(3);
    expect(rows['appointment_history']).toBeGreaterThan(20);
    expect(await liveTraces(rig, kafkaBrokers)).toEqual(before);
    rig.start('metering');
    await untilEverythingIsThrough(rig);
  });

  test('goes on to where the live one is by now, and names what somebody changed there', async () => {
    await rig.registration.query('DELETE FROM registration.appointment WHERE appointment_id = 5');
    await untilEverythingIsThrough(rig);
    const mpan = ((await rig.registration.query('SELECT mpan(7) AS mpan')).rows[0] as { mpan: string }).mpan;
    await rig.metering.query(`UPDATE metering.metering_point SET load_shape_category = 'X' WHERE mpan_core = $1`, [
      mpan,
    ]);
    const { status, report, stdout } = await replay('--into', 'first');
    expect(status).toBe(3);
    expect(report.tables.filter(({ differing }) => differing > 0)).toMatchObject([
      {
        table: 'metering_point',
        differing: 1,
        causes: { unexplained: 1 },
        samples: [{ columns: { load_shape_category: ['X', 'S-D-W-AI'] } }],
      },
    ]);
    expect(stdout).not.toContain(mpan);
    await rig.metering.query(
      `UPDATE metering.metering_point SET load_shape_category = 'S-D-W-AI' WHERE mpan_core = $1`,
      [mpan],
    );
  });

  test('is not needed to see that events applied again would change nothing, and what of them is not in the store', async () => {
    const dry = async (...words: string[]): Promise<{ status: number; found: DryRunDocument; stdout: string }> => {
      const { code, out, err } = await performed('replay', ...words, '--json', '--config', rig.configurationFile);
      if (out === '') throw new Error(err);
      return { status: code, stdout: out, found: JSON.parse(out) as DryRunDocument };
    };
    await untilEverythingIsThrough(rig);
    const all = await dry();
    expect(all).toMatchObject({ status: 0, found: { inserts: {}, deletes: {}, updates: {}, rejected: {}, held: {} } });
    expect(all.found.events).toBeGreaterThan(500);
    expect(all.found.stale).toBeGreaterThan(200);
    expect(all.found.known).toBeGreaterThan(200);
    const mpans = (await rig.registration.query('SELECT mpan(41) AS a, mpan(42) AS b, mpan(43) AS c'))
      .rows[0] as Record<string, string>;
    const { a, b } = mpans;
    for (const table of ['metering_point', 'metering_point_history']) {
      await rig.metering.query(
        `CREATE TABLE public.kept_${table} AS SELECT * FROM metering.${table} WHERE mpan_core IN ('${a}', '${b}')`,
      );
    }
    await rig.metering.query('DELETE FROM metering.metering_point WHERE mpan_core = $1', [a]);
    await rig.metering.query('DELETE FROM metering.metering_point_history WHERE mpan_core = $1', [a]);
    await rig.metering.query(
      `UPDATE metering.metering_point SET opt_out = true, lsn = 1, generation = 1 WHERE mpan_core = $1`,
      [b],
    );
    await rig.metering.query('DELETE FROM metering.metering_point_history WHERE mpan_core = $1', [b]);
    const before = await storeDigest();
    const { status, found, stdout } = await dry();
    expect(status).toBe(3);
    expect(found).toMatchObject({
      inserts: { metering_point: 1 },
      updates: { metering_point: { opt_out: 1 } },
      deletes: {},
    });
    expect(found.samples).toHaveLength(2);
    for (const mpan of Object.values(mpans)) expect(stdout).not.toContain(mpan);
    expect(await storeDigest()).toEqual(before);
    expect((await dry('--mpan', a ?? '')).found).toMatchObject({ inserts: { metering_point: 1 }, updates: {} });
    // For what the store has had, no lane is held: somebody else may.
    const holder = new pg.Client({ connectionString: rig.meteringUrl });
    await holder.connect();
    await holder.query('BEGIN; SELECT FROM metering.applied_position FOR UPDATE');
    expect((await dry('--mpan', mpans['c'] ?? '')).status).toBe(0);
    await holder.end();
    const topic = `${rig.registrationPrefix}.appointment.mss`;
    const few = await dry('--topic', topic, '--partition', '1', '--offsets', '0..9');
    expect(few.status).toBe(0);
    expect(few.found.events).toBeGreaterThan(0);
    expect(few.found.events).toBeLessThanOrEqual(10);
    expect((await dry('--from', '1h')).found.events).toBe(found.events);
    expect((await dry('--lsn', '..0/1')).found.events).toBe(0);
    // As it was, for what comes after.
    for (const table of ['metering_point', 'metering_point_history']) {
      await rig.metering.query(`DELETE FROM metering.${table} WHERE mpan_core IN ('${a}', '${b}')`);
      await rig.metering.query(`INSERT INTO metering.${table} SELECT * FROM public.kept_${table}`);
    }
    expect((await dry()).status).toBe(0);
  });

  test('can be of a part of what is on the topics, in each way, by the store and by other rules alike', async () => {
    const rules = path.join(directory, 'selected.yaml');
    writeFileSync(rules, 'contractReferenceMax: 3\n');
    const eventsOf = async (...words: string[]): Promise<number> => {
      const documents = [await replay(...words), await replay('--rules', rules, ...words)];
      const [events, tried] = documents.map(({ stdout, stderr }) => {
        if (stdout === '') throw new Error(stderr);
        return (JSON.parse(stdout) as { events: number }).events;
      });
      expect(tried, words.join(' ')).toBe(events);
      return events ?? 0;
    };
    const sumOf = async (parts: readonly (readonly string[])[]): Promise<number> => {
      let sum = 0;
      for (const words of parts) {
        const events = await eventsOf(...words);
        expect(events, words.join(' ')).toBeGreaterThan(0);
        sum += events;
      }
      return sum;
    };
    const all = await eventsOf();
    const topics = ['metering-point', 'appointment.mss'].map((name) => `${rig.registrationPrefix}.${name}`);
    const [points = ''] = topics;
    expect(await sumOf(topics.map((topic) => ['--topic', topic]))).toBe(all);
    expect(await sumOf(['0', '1', '2', '3'].map((one) => ['--partition', one]))).toBe(all);
    const offsets = ['..20', '21..'].map((range) => ['--topic', points, '--offsets', range]);
    expect(await sumOf(offsets)).toBe(await eventsOf('--topic', points));
    const { rows } = await rig.metering.query<{ lsn: string }>(
      `SELECT ('0/0'::pg_lsn + lsn)::text AS lsn FROM metering.metering_point_history ORDER BY lsn LIMIT 1 OFFSET 20`,
    );
    const lsn = rows[0]?.lsn ?? '';
    const next = `0/${(Number.parseInt(lsn.split('/')[1] ?? '', 16) + 1).toString(16)}`;
    expect(
      await sumOf([
        ['--lsn', `..${lsn}`],
        ['--lsn', `${next}..`],
      ]),
    ).toBe(all);
    // Changed when all before it had long been published.
    const [late] = (
      await rig.metering.query<{ at: Date }>(
        'SELECT committed_at AS at FROM metering.metering_point WHERE mpan_core = $1',
        [((await rig.registration.query('SELECT mpan(20) AS mpan')).rows[0] as { mpan: string }).mpan],
      )
    ).rows;
    const moment = new Date((late?.at.getTime() ?? 0) - 1).toISOString();
    expect(
      await sumOf([
        ['--to', moment],
        ['--from', new Date(Date.parse(moment) + 1).toISOString()],
      ]),
    ).toBe(all);
    const mpan = ((await rig.registration.query('SELECT mpan(30) AS mpan')).rows[0] as { mpan: string }).mpan;
    // Its point, the change of all points, its appointment, and its overlong reference.
    expect(await eventsOf('--mpan', mpan)).toBe(4);
    expect(await eventsOf('--mpan', '0000000000000')).toBe(0);
    expect((await replay('--partition', '4')).stderr).toContain('There is no partition 4');
    expect((await replay('--into', 'part', '--mpan', mpan)).status).toBe(2);
  });

  /** Everything of the store that an event may change. */
  async function storeDigest(): Promise<unknown> {
    const digests: unknown[] = [];
    for (const table of [
      'metering_point',
      'metering_point_history',
      'appointment',
      'rejection',
      'held',
      'last_received',
    ]) {
      const { rows } = await rig.metering.query(
        `SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) AS digest FROM metering.${table} t`,
      );
      digests.push(rows[0]);
    }
    return digests;
  }

  /** Rule → events that it refused, of which the refusal was not withdrawn. */
  async function refusedOf(suffix: string): Promise<Record<string, number>> {
    const url = new URL(rig.meteringUrl);
    url.pathname += suffix;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    const { rows } = await client.query<{ code: string; events: number }>(
      `SELECT code, count(DISTINCT (entity, entity_key, generation, lsn, ordinal))::int AS events
       FROM metering.rejection, unnest(rule_codes) AS code WHERE status <> 'withdrawn' GROUP BY 1`,
    );
    await client.end();
    return Object.fromEntries(rows.map(({ code, events }) => [code, events]));
  }

  async function kindsOf(name: string): Promise<Record<string, string>> {
    const url = new URL(rig.meteringUrl);
    url.pathname += `_replay_${name}`;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    const { rows } = await client.query<{ code: string; kind: string }>(
      `SELECT DISTINCT code, record_type AS kind FROM metering.rejection, unnest(rule_codes) AS code ORDER BY 1`,
    );
    await client.end();
    return Object.fromEntries(rows.map(({ code, kind }) => [code, kind]));
  }

  test('says what another rule book would have refused, and what not', async () => {
    const rules = path.join(directory, 'rules.yaml');
    writeFileSync(
      rules,
      `contractReferenceMax: 3
disabled: [GSP_GROUP_DISTRIBUTOR]
dispositions: {GSP_GROUP_UNKNOWN: warn, PARTICIPANT_UNKNOWN: error, CONTRACT_FORMAT: rejection}
`,
    );
    const { status, report } = await replay('--into', 'strict', '--rules', rules);
    expect(status).toBe(3);
    const points = report.tables.find(({ table }) => table === 'metering_point');
    expect(Object.keys(points?.causes ?? {}).join()).toContain('not refused by GSP_GROUP_UNKNOWN any more');
    // Held by the live rules until the participant came, then let go: an error is never let go.
    expect(report.outcomes[`${rig.registrationPrefix}.metering-point rejected`]).toEqual([
      expect.any(Number),
      expect.any(Number),
    ]);
    expect(await kindsOf('strict')).toEqual({ CONTRACT_FORMAT: 'rejection', PARTICIPANT_UNKNOWN: 'error' });
    const appointments = report.tables.find(({ table }) => table === 'appointment');
    // 'C' and three digits are more than three characters.
    expect(Object.keys(appointments?.causes ?? {})).toEqual([expect.stringMatching(/^refused by CONTRACT_FORMAT/)]);
    expect(appointments?.second).toBeLessThan(appointments?.live ?? 0);
    // What a dry run says of the same rules, in memory, is what the stores have.
    const tried = JSON.parse((await replay('--rules', rules)).stdout) as TrialDocument;
    for (const side of ['live', 'other'] as const) {
      const byRule = Object.fromEntries(
        tried.rules.filter((one) => one.rejected[side] > 0).map((one) => [one.code, one.rejected[side]]),
      );
      expect(byRule, side).toEqual(await refusedOf(side === 'live' ? '' : '_replay_strict'));
    }
    expect(tried.rules.find(({ code }) => code === 'GSP_GROUP_UNKNOWN')).toMatchObject({
      more: 0,
      fewer: 3,
      warned: { live: 0, other: 3 },
    });
    expect(tried.more).toBeGreaterThan(50);
    expect(tried.samples.length).toBeGreaterThan(3);
    const other = path.join(directory, 'other.yaml');
    writeFileSync(other, 'contractReferenceMax: 4\n');
    expect((await replay('--into', 'strict', '--rules', other)).stderr).toContain('begun with other rules');
    writeFileSync(other, 'disabled: [NO_SUCH_RULE]\n');
    expect((await replay('--into', 'none', '--rules', other)).status).toBe(2);
  });

  test('judges by the new rules only what was published since a moment', async () => {
    await untilEverythingIsThrough(rig);
    const from = new Date().toISOString();
    await rig.registration.query(
      `UPDATE registration.appointment SET contract_reference = 'C9999' WHERE appointment_id = 40`,
    );
    await untilEverythingIsThrough(rig);
    const rules = path.join(directory, 'later.yaml');
    writeFileSync(rules, 'contractReferenceMax: 3\n');
    const { report } = await replay('--into', 'later', '--rules', rules, '--rules-from', from);
    const appointments = report.tables.find(({ table }) => table === 'appointment');
    expect(appointments).toMatchObject({ differing: 1, samples: [{ key: expect.stringMatching(/\|40$/) as string }] });
    expect(report.rules?.from).not.toBeNull();
  });

  test('killed with -9 while it is built, goes on where it was; paused, it waits; dropped, nothing is left', async () => {
    const first = await replay('--into', 'killed', '--until', '0/1');
    expect({ status: first.status, verdict: first.report.verdict }).toEqual({ status: 0, verdict: 'same' });
    const url = new URL(rig.meteringUrl);
    url.pathname += '_replay_killed';
    const second = new pg.Client({ connectionString: url.href });
    second.on('error', () => {});
    await second.connect();
    // The lane that writes reference data can not go on, so that the building is in the middle when it is killed.
    await second.query('BEGIN');
    await second.query('LOCK TABLE metering.participant IN SHARE MODE');
    const child = spawn(
      process.execPath,
      [
        path.resolve(import.meta.dirname, '../dist/cli/concord.js'),
        'replay',
        '--into',
        'killed',
        '--config',
        rig.configurationFile,
      ],
      { stdio: 'ignore' },
    );
    await until(
      'other lanes have applied something',
      () => count(second, 'SELECT coalesce(sum(count), 0) AS count FROM metering.outcome'),
      (found) => found > 0,
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    await second.end();
    await performed('replay', 'pause', 'killed', '--config', rig.configurationFile);
    const listed = async (): Promise<{ name: string; state: string }[]> =>
      JSON.parse((await performed('replay', 'list', '--json', '--config', rig.configurationFile)).out) as never;
    expect((await listed()).find(({ name }) => name === 'killed')?.state).toBe('paused');
    const { status, report } = await replay('resume', 'killed');
    expect({ status, verdict: report.verdict }).toEqual({ status: 0, verdict: 'same' });
    expect((await performed('replay', 'drop', 'killed', '--config', rig.configurationFile)).code).toBe(0);
    expect((await listed()).map(({ name }) => name)).not.toContain('killed');
    expect(
      await count(rig.metering, 'SELECT count(*) FROM pg_database WHERE datname = $1', [url.pathname.slice(1)]),
    ).toBe(0);
    expect((await replay('drop', 'killed')).status).toBe(2);
  });
});
