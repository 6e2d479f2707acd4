import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { setPause, slotCost } from '../../connectors/source/side-pause.ts';
import { sourceTables } from '../../connectors/source/source-tables.ts';
import { type LegState, newLegState } from '../../runtime/keep-running.ts';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { Pausing } from './pausing.ts';

const slot = 'slot_of_a_paused_side';
let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').registrationUrl);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  for (const { sql } of sourceTables) await client.query(sql);
  await client.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** A leg that says when it begins and when it was stopped. */
function startLeg(): {
  state: LegState;
  next(): Promise<string>;
  stop(): Promise<unknown>;
} {
  const said: string[] = [];
  let wake = (): void => {};
  const say = (word: string): void => {
    said.push(word);
    wake();
  };
  const pausing = new Pausing({
    database: { connectionString: database.url },
    source: 'registration',
    log: pino({ level: 'silent' }),
  });
  const stop = new AbortController();
  const state = newLegState();
  const work = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      say('runs');
      signal.addEventListener('abort', () => {
        say('stopped');
        resolve();
      });
    });
  const running = Promise.all([pausing.watch(stop.signal), pausing.run(work, state, stop.signal)]);
  return {
    state,
    next: async () => {
      while (said.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return said.shift() ?? '';
    },
    stop: () => {
      stop.abort();
      return running;
    },
  };
}

test('a side that is paused stops its legs, stays so over a restart, and goes on when it is resumed', async () => {
  const first = startLeg();
  expect(await first.next()).toBe('runs');
  await setPause(client, 'registration', true);
  expect(await first.next()).toBe('stopped');
  await expect.poll(() => first.state.state).toBe('paused');
  await first.stop();

  const second = startLeg();
  await expect.poll(() => second.state.state).toBe('paused');
  expect(await slotCost(client, slot)).toMatchObject({ active: false, safeBytes: null });
  await setPause(client, 'registration', false);
  expect(await second.next()).toBe('runs');
  expect(second.state.state).toBe('running');
  await second.stop();
});

test('the pause of another source is none of ours', async () => {
  await setPause(client, 'metering', true);
  const leg = startLeg();
  expect(await leg.next()).toBe('runs');
  await leg.stop();
});
