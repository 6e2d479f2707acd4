import pg from 'pg';
import { createRegistrationSchema } from '../connectors/registration/schema.ts';
import { query } from './servers.ts';
import type { Passage } from './waiting.ts';

/**
 * What both rigs move: metering points with valid items, as the rule book wants them, made in the database so that a
 * million takes seconds. MPANs have their check digit; suppliers, dates, factors and classes vary.
 */
const functions = `
CREATE SCHEMA bench;
-- Not published: a commit in it brings everything before it to the disk.
CREATE TABLE bench.flush (at timestamptz);
CREATE FUNCTION bench.mpan(n bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT '13' || lpad(n::text, 10, '0') || ((3 + 15 + n / 1000000000 % 10 * 7 + n / 100000000 % 10 * 13
    + n / 10000000 % 10 * 17 + n / 1000000 % 10 * 19 + n / 100000 % 10 * 23 + n / 10000 % 10 * 29
    + n / 1000 % 10 * 31 + n / 100 % 10 * 37 + n / 10 % 10 * 41 + n % 10 * 43) % 11 % 10)::text $$;
-- Changes single rows, all over the table, each once, in transactions of so many.
CREATE PROCEDURE bench.change(changes bigint, per bigint, total bigint, factor numeric) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 0 .. changes / per - 1 LOOP
    FOR j IN 0 .. per - 1 LOOP
      UPDATE registration.metering_point SET line_loss_factor = factor WHERE mpan_core = bench.mpan((i * per + j) * 7919 % total);
    END LOOP;
    COMMIT;
  END LOOP;
END $$;`;

const reference = `
INSERT INTO registration.participant VALUES
  ('MANW', 'R', 'Distributor', '1996-04-01', NULL, 1), ('MSVA', 'M', 'Metering service', '2000-01-01', NULL, 1),
  ('DATA', 'D', 'Data service', '2000-01-01', NULL, 1), ('DATB', 'D', 'Data service', '2000-01-01', NULL, 1),
  ('SUPA', 'X', 'Supplier', '2000-01-01', NULL, 1), ('SUPB', 'X', 'Supplier', '2000-01-01', NULL, 1),
  ('SUPC', 'X', 'Supplier', '2000-01-01', NULL, 1), ('SUPD', 'X', 'Supplier', '2000-01-01', NULL, 1);
INSERT INTO registration.distributor_gsp_group VALUES ('13', 'MANW', '_D', '1996-04-01', NULL);`;

/** The 17 items of row n. */
const row = `bench.mpan(n), '_D', 'MANW', 'SUP' || chr(65 + (n * 7 % 4)::int), DATE '2010-01-01' + (n * 31 % 5000)::int, 'S',
  'DAT' || chr(65 + (n % 2)::int), DATE '2010-01-01' + (n * 31 % 5000)::int, 'AI', true, 'S-D-W-AI', 'W', 'MSVA',
  DATE '2010-01-01' + (n * 17 % 5000)::int, round(1 + n % 97 / 1000.0, 3), lpad((n % 20 + 1)::text, 3, '0'), n % 50 = 0`;

/** The registration tables with `rows` metering points. */
export async function fillSource(url: string, rows: number): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'concord bench' });
  await client.connect();
  try {
    await createRegistrationSchema(client);
    await client.query(functions);
    await client.query(reference);
    await client.query('SET synchronous_commit = off');
    await client.query(
      `INSERT INTO registration.metering_point SELECT ${row} FROM generate_series(0, $1::bigint - 1) n`,
      [rows],
    );
    await client.query('VACUUM (ANALYZE) registration.metering_point');
  } finally {
    await client.end();
  }
}

/** A backlog: `changes` updates of one row each, in transactions of `per`. Tells how many it made, and their WAL. */
export async function makeBacklog(
  url: string,
  { rows, changes, per, factor }: { rows: number; changes: number; per: number; factor: number },
): Promise<{ readonly changes: number; readonly walBytes: number }> {
  const whole = Math.floor(changes / per) * per;
  const client = new pg.Client({ connectionString: url, application_name: 'concord bench' });
  await client.connect();
  try {
    // The WAL is written a moment after the commit: a backlog is there before anybody reads it.
    await client.query('SET synchronous_commit = off');
    const before = await walPosition(client);
    await client.query(`CALL bench.change(${whole}, ${per}, ${rows}, ${factor})`);
    await client.query('SET synchronous_commit = on');
    await client.query('INSERT INTO bench.flush VALUES (now())');
    return { changes: whole, walBytes: (await walPosition(client)) - before };
  } finally {
    await client.end();
  }
}

async function walPosition(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ at: number }>(`SELECT (pg_current_wal_insert_lsn() - '0/0')::float8 AS at`);
  return rows[0]?.at ?? 0;
}

/** The commits that wrote rows; `first`: rows of the first of them. */
export interface Moments extends Passage {
  readonly count: number;
}

/** When the rows of a table that fulfil a condition were committed. */
export async function commitMoments(url: string, table: string, condition: string): Promise<Moments> {
  const commits = await query<{ rows: string; at: number }>(
    url,
    `SELECT count(*)::text AS rows, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000)::float8 AS at
     FROM ${table} WHERE ${condition} GROUP BY xmin ORDER BY at`,
  );
  const count = commits.reduce((sum, { rows }) => sum + Number(rows), 0);
  return {
    count,
    first: Number(commits[0]?.rows ?? 0),
    firstMs: commits[0]?.at ?? 0,
    lastMs: commits.at(-1)?.at ?? 0,
  };
}

export async function countRows(client: pg.Client, table: string, condition: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${table} WHERE ${condition}`);
  return Number(rows[0]?.count ?? 0);
}
