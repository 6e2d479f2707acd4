import type pg from 'pg';

/** Valid rows, in SQL, as somebody with psql would write them. MPANs are made by SQL with a right check digit. */

/** `mpan(n)`: the n-th valid MPAN of prefix 13 (MANW, GSP group _D). */
export async function createHelpers(client: pg.Client): Promise<void> {
  await client.query(`
    CREATE OR REPLACE FUNCTION public.mpan(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
      SELECT stem || ((SELECT sum(substr(stem, i::int, 1)::int * p) FROM unnest(ARRAY[3,5,7,13,17,19,23,29,31,37,41,43]) WITH ORDINALITY AS w(p, i)) % 11 % 10)::text
      FROM (SELECT '13' || lpad(n::text, 10, '0') AS stem) s
    $$`);
}

export async function insertReferenceData(client: pg.Client): Promise<void> {
  await client.query(`
    INSERT INTO registration.participant VALUES
      ('MANW', 'R', 'Distributor', '1996-04-01', NULL, 1), ('SUPA', 'X', 'Supplier A', '2000-01-01', NULL, 1),
      ('SUPB', 'X', 'Supplier B', '2000-01-01', NULL, 1), ('DATA', 'D', 'Data service', '2000-01-01', NULL, 1),
      ('MSVA', 'M', 'Smart metering service', '2000-01-01', NULL, 1), ('MSAA', 'M', 'Advanced metering service', '2000-01-01', NULL, 1),
      ('UMSA', 'M', 'Unmetered operator', '2000-01-01', NULL, 1), ('MAPA', 'Z', 'Asset provider', '2000-01-01', NULL, 1);
    INSERT INTO registration.distributor_gsp_group VALUES ('13', 'MANW', '_D', '1996-04-01', NULL)`);
}

/** The SELECT list of a good metering point for a query that has `n`. */
export const goodPoint = `mpan(n), '_D', 'MANW', 'SUPA', DATE '2024-04-01', 'S', 'DATA', DATE '2024-04-01', 'AI', true, 'S-D-W-AI', 'W', 'MSVA',
  DATE '2024-04-01', 1.045, '001', false`;

export async function insertPoints(client: pg.Client, from: number, to: number): Promise<void> {
  await client.query(
    `INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series($1::bigint, $2::bigint) AS n`,
    [from, to],
  );
}

/** The SELECT list of a good appointment for a query that has `n`; its id is n. */
export const goodAppointment = `n, mpan(n), 'MSS', 'MSVA', DATE '2024-04-01', NULL::date, 'NEW', 'SUPA', DATE '2024-04-01', NULL::date,
  'M' || n, 'C' || n`;

export async function insertAppointments(client: pg.Client, from: number, to: number): Promise<void> {
  await client.query(
    `INSERT INTO registration.appointment SELECT ${goodAppointment} FROM generate_series($1::bigint, $2::bigint) AS n`,
    [from, to],
  );
}
