import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../local/ports.ts';
import { livePid, type ProcessName } from '../local/processes.ts';
import { removeStack, startStack, stopStack } from '../local/stack.ts';
import { compareTable, untilEverythingIsThrough, untilReferenceDataArrived } from './agreement.fixture.ts';
import { createHelpers, goodAppointment, goodPoint, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';
import type { StackAddresses } from './stack.setup.ts';
import { findDisorder, readTopics } from './topic-reader.fixture.ts';

/** More rounds for `npm run test:faults`: CONCORD_SERVER_KILLS=5. */
const rounds = Number(process.env['CONCORD_SERVER_KILLS'] ?? '1');

/** The code that `concord status` must tell of a leg while the server is away; null where running processes need it not. */
const victims: readonly (readonly [server: ProcessName, problem: { leg: string; code: string } | null])[] = [
  ['kafka', { leg: 'metering sink', code: 'KAFKA_UNAVAILABLE' }],
  ['postgres-registration', { leg: 'registration source', code: 'DATABASE_UNAVAILABLE' }],
  ['postgres-metering', { leg: 'metering sink', code: 'DATABASE_UNAVAILABLE' }],
  ['registry', null],
];

interface StatusDocument {
  readonly problems: readonly { readonly code: string; readonly text: string }[];
}

describe('kill -9 of the servers under running connectors', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'concord-killed-'));
  let stack: StackAddresses;
  let rig: Rig;

  beforeAll(async () => {
    stack = await startStack(dataDir);
    const taken = new Set<number>();
    const [registrationPort, meteringPort] = [await freePort(taken), await freePort(taken)];
    rig = await Rig.create(stack, { http: { registrationPort, meteringPort } });
    await rig.init();
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series(1, 2000) AS n`,
    );
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 8);
  });

  afterAll(async () => {
    await rig.stop();
    await stopStack(dataDir);
    removeStack(dataDir);
  });

  async function status(): Promise<StatusDocument> {
    return JSON.parse((await rig.command('status', '--json')).stdout) as StatusDocument;
  }

  /** The load goes on, so the store grows whenever everything works. */
  async function untilMoreIsApplied(when: string): Promise<void> {
    await rig.reconnect();
    const points = (): Promise<number> => count(rig.metering, 'SELECT count(*) FROM metering.metering_point');
    const before = await points();
    await until(`changes arrive ${when}`, points, (n) => n > before);
  }

  test(
    'is waited for, visibly, and leaves each event on its topic once and the store equal to the registration database',
    async () => {
      const stopLoad = new AbortController();
      const load = generateLoad(rig.registrationUrl, stopLoad.signal);
      for (let round = 0; round < rounds; round += 1) {
        for (const [server, problem] of victims) {
          const pid = livePid(dataDir, server);
          if (pid === null) throw new Error(`${server} does not run`);
          process.kill(pid, 'SIGKILL');
          if (problem === null) {
            await untilMoreIsApplied(`without ${server}`);
          } else {
            await until(
              `status tells ${problem.code} of the ${problem.leg} while ${server} is down`,
              status,
              ({ problems }) =>
                problems.some(({ code, text }) => code === problem.code && text.startsWith(problem.leg)),
            );
          }
          await startStack(dataDir);
          await untilMoreIsApplied(`after ${server} is back`);
        }
      }
      stopLoad.abort();
      expect(await load).toBeGreaterThan(50);
      for (const side of ['registration', 'metering']) expect(rig.process(side).exitCode).toBeNull();
      const balance = await untilEverythingIsThrough(rig, 120_000);
      expect(balance.closes).toBe(true);
      const good = `measurement_quantity <> 'XX'`;
      expect(await compareTable(rig, 'metering_point', 'mpan_core', good)).toEqual({ same: true });
      expect(await compareTable(rig, 'appointment', 'appointment_id')).toEqual({ same: true });
      expect(await count(rig.metering, 'SELECT count(*) FROM metering.dead_letter')).toBe(0);
      const bad = await count(
        rig.registration,
        `SELECT count(*) FROM registration.metering_point WHERE measurement_quantity = 'XX'`,
      );
      expect(await count(rig.metering, 'SELECT count(*) FROM metering.rejection')).toBe(bad);
      const identity = 'SELECT rejection_id, lsn, ordinal, rule_codes, status';
      const order = 'ORDER BY lsn, ordinal';
      const raised = (await rig.metering.query(`${identity} FROM metering.rejection ${order}`)).rows;
      await until(
        'the inbox holds each rejection',
        async () => (await rig.registration.query(`${identity} FROM inbox.rejection ${order}`)).rows,
        (rows) => JSON.stringify(rows) === JSON.stringify(raised),
      );
      await until('no problem is left', status, ({ problems }) => problems.length === 0);
      const topics = [
        ...['metering-point', 'appointment.mss', 'participant'].map((topic) => `${rig.registrationPrefix}.${topic}`),
        `${rig.meteringPrefix}.rejection`,
      ];
      const events = await readTopics(stack.kafkaBrokers, stack.schemaRegistryUrl, topics);
      const { duplicates, late } = findDisorder(events);
      expect({ duplicates, late }).toEqual({ duplicates: [], late: [] });
    },
    120_000 + rounds * 120_000,
  );
});

/** Transactions of all kinds until told to stop, through every outage. Returns how many were committed. */
async function generateLoad(url: string, signal: AbortSignal): Promise<number> {
  let client: pg.Client | null = null;
  let next = 10_000;
  let committed = 0;
  while (!signal.aborted) {
    const size = committed % 25 === 24 ? 1_000 : 1 + (committed % 10);
    try {
      if (client === null) {
        client = new pg.Client({ connectionString: url });
        client.on('error', () => {
          // The next statement tells.
        });
        await client.connect();
      }
      await client.query('BEGIN');
      for (const [table, row] of [
        ['metering_point', goodPoint],
        ['appointment', goodAppointment],
      ]) {
        await client.query(
          `INSERT INTO registration.${table} SELECT ${row} FROM generate_series($1::bigint, $2::bigint) AS n`,
          [next, next + size - 1],
        );
      }
      await client.query(
        `INSERT INTO registration.metering_point SELECT ${goodPoint.replace("'AI'", "'XX'").replace("'S-D-W-AI'", 'NULL')}
         FROM generate_series($1::bigint, $1::bigint) AS n`,
        [500_000_000 + next],
      );
      await client.query(
        `UPDATE registration.metering_point SET opt_out = NOT opt_out
         WHERE mpan_core IN (SELECT mpan(1 + floor(random() * 2000)::bigint) FROM generate_series(1, $1::int))`,
        [size],
      );
      await client.query('COMMIT');
      committed += 1;
    } catch {
      await client?.end().catch(() => undefined);
      client = null;
    }
    // The absence of servers is what is tested: a flood would only leave a backlog to wait for.
    await new Promise((resolve) => {
      setTimeout(resolve, client === null ? 100 : 25);
    });
    // Numbers are not used again: whether a commit without an answer was made, the comparison of the tables tells.
    next += size;
  }
  await client?.end();
  return committed;
}
