import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import pg from 'pg';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { quiet } from '../../topics/kafka.fixture.ts';
import { newSourceReport } from './report.ts';
import { WalBudget } from './wal-budget.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').registrationUrl);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

test('what the server keeps for the slot is told, and why a failover would not be safe', async () => {
  const slot = `slot_${database.name}`;
  const report = newSourceReport();
  const budget = new WalBudget(slot, { retainedWalWarnBytes: 50_000 }, report, quiet);
  await budget.look(client);
  expect(report).toMatchObject({ walStatus: null, failover: null });
  await client.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
  await client.query(`SELECT pg_logical_emit_message(true, 'test', repeat('x', 100000))`);
  await budget.look(client);
  expect(report.retainedWalBytes).toBeGreaterThan(100_000);
  expect(report.walStatus).toBe('reserved');
  expect(report.walProblem).toMatchObject({ code: 'WAL_BUDGET_EXCEEDED' });
  expect(report.failover?.safe).toBe(false);
  const { rows } = await client.query<{ follows: boolean }>(
    `SELECT current_setting('server_version_num')::int >= 170000 AS follows`,
  );
  expect(report.failover?.because).toContain(
    rows[0]?.follows === true
      ? 'the slot was made without `failover`'
      : 'before PostgreSQL 17 a slot does not follow to a standby',
  );
});
