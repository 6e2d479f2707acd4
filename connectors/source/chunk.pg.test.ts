import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import pg from 'pg';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { ChunkReader, type ChunkRows } from './chunk.ts';
import { tableChunks } from './chunk-query.ts';
import { readingSession } from './session.ts';
import { readTable } from './table-catalog.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').registrationUrl);
  // A server whose defaults would change the text of dates and numbers.
  const admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  await admin.query(
    `ALTER DATABASE ${database.name} SET datestyle = 'German'; ALTER DATABASE ${database.name} SET timezone = 'Asia/Tokyo'`,
  );
  await admin.end();
  client = new pg.Client(readingSession({ connectionString: database.url }, 'test'));
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

async function readerOf(table: string, primaryKey: readonly string[]): Promise<ChunkReader> {
  const found = await readTable(client, 'public', table);
  if (found === null) throw new Error('no table');
  const columns = [...primaryKey, ...found.columns.map((one) => one.name).filter((name) => !primaryKey.includes(name))];
  return new ChunkReader(client, tableChunks({ table: found, columns, primaryKey }));
}

function textsOf(rows: ChunkRows): (string | null)[][] {
  const texts: (string | null)[][] = [];
  rows.forEach((row) => texts.push(Array.from({ length: row.count }, (_, column) => row.text(column))));
  return texts;
}

const always = (): boolean => true;
const { signal } = new AbortController();

test('chunks of a composite key of any types cover every row once, in the order of the database', async () => {
  await client.query(`CREATE TABLE "Odd ""Table""" ("Code" char(5), day date, n numeric, flag boolean, PRIMARY KEY ("Code", day, n));
    INSERT INTO "Odd ""Table""" SELECT chr(65 + n % 3) || '''x', date '2024-01-01' + (n % 7), n / 10.0, n % 2 = 0 FROM generate_series(1, 1000) n`);
  const reader = await readerOf('Odd "Table"', ['Code', 'day', 'n']);
  const seen: string[] = [];
  let after: readonly string[] | null = null;
  for (;;) {
    const rows: ChunkRows = await reader.read(after, 37, always, signal);
    if (rows.count === 0) break;
    seen.push(...textsOf(rows).map((row) => row.slice(0, 3).join('|')));
    after = rows.lastKey;
  }
  const { rows: expected } = await client.query<{ key: string }>(
    `SELECT concat_ws('|', textin(bpcharout("Code")), day, n) AS key FROM "Odd ""Table""" ORDER BY "Code", day, n`,
  );
  expect(seen).toEqual(expected.map((row) => row.key));
});

test('the text of a value is the one that the replication stream has, whatever the defaults of the server', async () => {
  await client.query(`CREATE TABLE shown (id bigint PRIMARY KEY, padded char(4), at timestamptz, day date, amount numeric, flag boolean,
      list text[], document jsonb, small real, missing text);
    INSERT INTO shown VALUES (1, 'ab', '2024-03-31 01:30:00.123456+00', '0044-03-15 BC', 1.50, true, '{a,"b c"}', '{"b": 1.0}', 0.1, NULL)`);
  const [row] = textsOf(await (await readerOf('shown', ['id'])).read(null, 10, always, signal));
  expect(row).toEqual([
    '1',
    'ab  ',
    '2024-03-31 01:30:00.123456+00',
    '0044-03-15 BC',
    '1.50',
    't',
    '{a,"b c"}',
    '{"b": 1.0}',
    '0.1',
    null,
  ]);
});

test('a snapshot that does not see what was streamed is not read: another one is taken', async () => {
  await client.query('CREATE TABLE late (id int PRIMARY KEY)');
  const writer = new pg.Client({ connectionString: database.url });
  await writer.connect();
  await writer.query('BEGIN; INSERT INTO late VALUES (1)');
  const { rows: found } = await writer.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
  const xid = Number(found[0]?.xid);
  let looks = 0;
  const rows = await (await readerOf('late', ['id'])).read(
    null,
    10,
    (snapshot) => {
      looks += 1;
      if (looks === 3) void writer.query('COMMIT');
      return xid < snapshot.xmax && !snapshot.inProgress.has(xid);
    },
    signal,
  );
  await writer.end();
  expect(looks).toBeGreaterThan(3);
  expect(rows.count).toBe(1);
});
