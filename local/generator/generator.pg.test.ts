import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import pg from 'pg';
import { createRegistrationSchema } from '../../connectors/registration/schema.ts';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { day } from './calendar.ts';
import { generateChanges } from './living/generate-changes.ts';
import { loadSample, type SampleSummary } from './sample.ts';

const tables = ['metering_point', 'appointment', 'participant', 'distributor_gsp_group', 'meter_asset'] as const;
const today = day('2026-04-01');

async function openDatabase(): Promise<{ database: TestDatabase; client: pg.Client }> {
  const database = await freshDatabase(inject('stack').registrationUrl);
  const client = new pg.Client({ connectionString: database.url, pipeline: true });
  await client.connect();
  await createRegistrationSchema(client);
  return { database, client };
}

/** Everything in the database, as one text for each table. */
async function contentOf(client: pg.Client): Promise<string[]> {
  const digests: string[] = [];
  for (const table of tables) {
    const { rows } = await client.query<{ digest: string }>(
      `SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) AS digest FROM registration.${table} AS t`,
    );
    digests.push(rows[0]?.digest ?? '');
  }
  return digests;
}

/** How many rows a query finds, for queries that find what must not be. */
async function found(client: pg.Client, sql: string): Promise<number> {
  const { rowCount } = await client.query(sql);
  return rowCount ?? 0;
}

const isClean = `m.mpan_core IN (
  SELECT mpan_core FROM registration.metering_point WHERE mpan_core ~ '^[0-9]{13}$' AND market_segment IN ('S', 'A', 'U'))`;

describe('a sample of 2,000 points in PostgreSQL', () => {
  let database: TestDatabase;
  let client: pg.Client;
  let summary: SampleSummary;

  beforeAll(async () => {
    ({ database, client } = await openDatabase());
    // COPY and a pipeline do not go together.
    const loader = new pg.Client({ connectionString: database.url });
    await loader.connect();
    await createRegistrationSchema(loader);
    summary = await loadSample(loader, { points: 2000, seed: 1, dirtyShare: 0, today });
    await loader.end();
  });

  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  test('has the rows that the summary tells', async () => {
    for (const table of tables) {
      const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM registration.${table}`);
      expect(Number(rows[0]?.count)).toBe(summary.byTable[table]);
    }
    expect(summary.points).toBe(2000);
  });

  test('has the columns in the order of the contract and the whole row as replica identity of appointments', async () => {
    const { rows } = await client.query<{ columns: string }>(
      `SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) AS columns FROM information_schema.columns
       WHERE table_schema = 'registration' AND table_name = 'appointment'`,
    );
    expect(rows[0]?.columns).toBe(
      'appointment_id mpan_core service_type mpid metering_service_efd metering_service_etd reason supplier_mpid ' +
        'supplier_efd supplier_etd meter_id contract_reference',
    );
    expect(await found(client, "SELECT FROM pg_class WHERE relname = 'appointment' AND relreplident = 'f'")).toBe(1);
  });

  test('has no appointments that share a day', async () => {
    const overlapping = `SELECT FROM registration.appointment AS a JOIN registration.appointment AS b
      ON a.mpan_core = b.mpan_core AND a.appointment_id < b.appointment_id
      AND daterange(a.metering_service_efd, a.metering_service_etd, '[]')
       && daterange(b.metering_service_efd, b.metering_service_etd, '[]')`;
    expect(await found(client, overlapping)).toBe(0);
  });

  test('has one current appointment for each point, with the supplier and the service that the point names', async () => {
    const unmatched = `SELECT FROM registration.metering_point AS p LEFT JOIN registration.appointment AS a
      ON a.mpan_core = p.mpan_core AND a.metering_service_etd IS NULL AND a.supplier_mpid = p.supplier_mpid
      AND a.supplier_efd = p.supplier_efd AND a.mpid = p.metering_service_mpid
      AND a.metering_service_efd = p.metering_service_efd WHERE a.mpan_core IS NULL`;
    expect(await found(client, unmatched)).toBe(0);
  });

  test('names nobody who does not hold the role on the day', async () => {
    const strangers = (table: string, mpid: string, role: string, on: string): string =>
      `SELECT FROM registration.${table} AS t WHERE ${mpid} IS NOT NULL AND NOT EXISTS (
        SELECT FROM registration.participant AS p WHERE p.mpid = t.${mpid} AND p.role = '${role}'
        AND t.${on} >= p.effective_from AND t.${on} <= coalesce(p.effective_to, 'infinity'))`;
    expect(await found(client, strangers('metering_point', 'supplier_mpid', 'X', 'supplier_efd'))).toBe(0);
    expect(await found(client, strangers('metering_point', 'data_service_mpid', 'D', 'data_service_efd'))).toBe(0);
    expect(await found(client, strangers('appointment', 'mpid', 'M', 'metering_service_efd'))).toBe(0);
    expect(await found(client, strangers('meter_asset', 'map_mpid', 'Z', 'map_efd'))).toBe(0);
  });

  test('has every point in a network that its distributor has there on the day', async () => {
    const astray = `SELECT FROM registration.metering_point AS p WHERE NOT EXISTS (
      SELECT FROM registration.distributor_gsp_group AS d
      WHERE d.prefix = left(p.mpan_core, 2) AND d.gsp_group = p.gsp_group AND d.distributor_mpid = p.distributor_mpid
      AND greatest(p.supplier_efd, p.data_service_efd, p.metering_service_efd)
        BETWEEN d.effective_from AND coalesce(d.effective_to, 'infinity'))`;
    expect(await found(client, astray)).toBe(0);
  });

  test('lives: 2,000 changes are counted as the database sees them, and what is clean stays consistent', async () => {
    const before = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
    const lived = await generateChanges(client, { seed: 7, count: 2000, today, dirtyShare: 0 });
    expect(lived.changes).toBeGreaterThanOrEqual(2000);
    expect(Object.values(lived.byTable).reduce((sum, rows) => sum + rows, 0)).toBe(lived.changes);
    const after = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
    const transactions = Number(after.rows[0]?.xid) - Number(before.rows[0]?.xid) - 1;
    expect(lived.transactions).toBeLessThanOrEqual(transactions);
    expect(lived.byKind.switch).toBeGreaterThan(50);
    const unserved = `SELECT FROM registration.metering_point AS m WHERE ${isClean} AND NOT EXISTS (
      SELECT FROM registration.appointment AS a WHERE a.mpan_core = m.mpan_core AND a.metering_service_etd IS NULL
      AND a.supplier_mpid = m.supplier_mpid AND a.supplier_efd = m.supplier_efd AND a.mpid = m.metering_service_mpid
      AND a.metering_service_efd = m.metering_service_efd)`;
    expect(await found(client, unserved)).toBe(0);
    const tooFar = `SELECT FROM registration.appointment WHERE metering_service_efd > date '2026-04-01' + 28`;
    expect(await found(client, tooFar)).toBe(0);
  });

  test('ends at once when the signal aborts, with what it did', async () => {
    const interruption = new AbortController();
    const lived = await generateChanges(client, {
      seed: 8,
      rate: 200,
      signal: interruption.signal,
      onProgress: () => interruption.abort(),
    });
    expect(lived.changes).toBeGreaterThan(0);
  });

  test('makes a bulk of 1,000 rows a single transaction', async () => {
    const lived = await generateChanges(client, { seed: 9, bulkRows: 6000, today });
    expect(lived).toMatchObject({ transactions: 1, changes: 6000, byKind: { bulk: 1 } });
    const writers = await client.query(
      'SELECT DISTINCT xmin FROM registration.metering_point WHERE xmin::text::bigint > 0',
    );
    expect(writers.rowCount).toBe(1);
  });
});

describe('the same seed on the same data', () => {
  test('gives the same database, change by change', async () => {
    const contents: string[][] = [];
    for (let run = 0; run < 2; run += 1) {
      const { database, client } = await openDatabase();
      const loader = new pg.Client({ connectionString: database.url });
      await loader.connect();
      await loadSample(loader, { points: 300, seed: 2, dirtyShare: 0.05, today });
      await loader.end();
      await generateChanges(client, { seed: 3, count: 500, dirtyShare: 0.02, today });
      contents.push(await contentOf(client));
      await client.end();
      await database.drop();
    }
    expect(contents[0]).toEqual(contents[1]);
  });
});

describe('an empty database', () => {
  test('gets its reference data and its first points from the stream', async () => {
    const { database, client } = await openDatabase();
    const lived = await generateChanges(client, { seed: 4, count: 800, today });
    expect(lived.byTable.participant).toBeGreaterThan(50);
    expect(lived.byTable.metering_point).toBeGreaterThan(0);
    await client.end();
    await database.drop();
  });
});
