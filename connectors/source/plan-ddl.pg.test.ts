import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { loadSchema, type SchemaName } from '../../avro/schemas.ts';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { registrationRoutes } from '../registration/routes.ts';
import { createRegistrationSchema } from '../registration/schema.ts';
import { parseAlterTable, planAlterTable } from './plan-ddl.ts';
import type { ShapeJudgement } from './shape-judgement.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').registrationUrl);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await createRegistrationSchema(client);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

async function plan(action: string): Promise<ShapeJudgement> {
  const alter = parseAlterTable(`ALTER TABLE registration.metering_point ${action}`);
  const route = registrationRoutes('r').find(({ entity }) => entity === 'metering_point');
  if (alter === null || route === undefined) throw new Error('no plan');
  return planAlterTable(client, route, alter, (topic) => loadSchema(topic.slice(2) as SchemaName));
}

const columns = async (): Promise<unknown> =>
  (
    await client.query(
      `SELECT attname, atttypid FROM pg_attribute WHERE attrelid = 'registration.metering_point'::regclass ORDER BY attnum`,
    )
  ).rows;

describe('what a statement would do is said beforehand, and nothing is done', () => {
  test.each([
    ['ADD COLUMN colour text', 'evolves', 'COLUMN_ADDED'],
    ['ALTER COLUMN line_loss_factor TYPE numeric(20, 8)', 'evolves', 'COLUMN_TYPE_CHANGED'],
    ['ALTER supplier_mpid TYPE varchar(4)', 'evolves', 'COLUMN_TYPE_CHANGED'],
    ['DROP COLUMN opt_out', 'evolves', 'COLUMN_DROPPED'],
    ['ALTER COLUMN gsp_group SET NOT NULL;', 'unchanged', undefined],
    ['DROP COLUMN gsp_group', 'parks', 'COLUMN_DROPPED'],
    ['RENAME gsp_group TO gsp', 'parks', 'COLUMN_RENAMED'],
    ['ALTER COLUMN supplier_efd TYPE text', 'parks', 'COLUMN_TYPE_UNSUITABLE'],
    ['RENAME TO metering_place', 'parks', 'TABLE_RENAMED'],
    ['SET SCHEMA public', 'parks', 'TABLE_RENAMED'],
    ['DROP CONSTRAINT metering_point_pkey', 'parks', 'PRIMARY_KEY_DIFFERS'],
    ['DROP CONSTRAINT metering_point_pkey, ADD PRIMARY KEY (mpan_core, gsp_group)', 'parks', 'PRIMARY_KEY_DIFFERS'],
  ])('%s: %s', async (action, verdict, code) => {
    const before = await columns();
    const judgement = await plan(action);
    expect([judgement.verdict, judgement.notes[0]?.code]).toEqual([verdict, code]);
    if (verdict === 'parks') expect(judgement.notes[0]?.fix).toContain('concord resume registration.metering_point');
    expect(await columns()).toEqual(before);
  });

  test('with the column, both types and the fix', async () => {
    const { notes } = await plan('ALTER COLUMN supplier_efd TYPE timestamptz');
    expect(notes[0]).toMatchObject({ column: 'supplier_efd', from: 'date', to: 'timestamp with time zone' });
    expect(notes[0]?.fix).toContain('TYPE date USING');
  });

  test('a second statement behind the first is refused, and so is what PostgreSQL does not know', async () => {
    await expect(plan('ADD COLUMN a text; DROP TABLE registration.metering_point')).rejects.toMatchObject({
      code: 'STATEMENT_REFUSED',
    });
    await expect(plan('ADD COLUMN a no_such_type')).rejects.toMatchObject({ code: 'STATEMENT_REFUSED' });
    expect(await columns()).not.toEqual([]);
  });
});

test.each([
  ['alter table if exists only "Point" add b int', { schema: null, table: 'Point', action: 'add b int' }],
  [
    'ALTER TABLE Registration . metering_point DROP x ;',
    { schema: 'registration', table: 'metering_point', action: 'DROP x' },
  ],
  ['DROP TABLE x', null],
])('%s is read', (statement, alter) => {
  expect(parseAlterTable(statement)).toEqual(alter);
});
