import { goodPoint } from './registration-rows.fixture.ts';
import { count, type Rig, until } from './rig.fixture.ts';
import { performedOn } from '../cli/perform.fixture.ts';

export interface BalanceDocument {
  readonly topics: readonly {
    readonly source: string;
    readonly topic: string;
    readonly captured: number;
    readonly applied: number;
    readonly rejected: number;
    readonly deadLettered: number;
    readonly inFlight: number;
  }[];
  readonly closes: boolean;
}

export interface Comparison {
  readonly same: boolean;
  readonly there?: unknown;
  readonly here?: unknown;
  /** Keys of rows that only one side has, or that differ. */
  readonly onlyThere?: readonly string[];
  readonly onlyHere?: readonly string[];
}

/** Compares a table on both sides, row by row, by a digest of the rows in key order. `where` leaves rows out on both. */
export async function compareTable(rig: Rig, table: string, key: string, where = 'true'): Promise<Comparison> {
  const { rows: columns } = await rig.registration.query<{ column_name: string }>(
    `SELECT column_name FROM information_schema.columns WHERE table_schema = 'registration' AND table_name = $1 ORDER BY ordinal_position`,
    [table],
  );
  const list = columns
    .map(({ column_name: name }) => (name === 'line_loss_factor' ? 'line_loss_factor::numeric(12,6)' : name))
    .join(', ');
  const sql = (schema: string): string =>
    `SELECT count(*)::int AS rows, md5(string_agg(row(${list})::text, '|' ORDER BY ${key}::text COLLATE "C")) AS digest
     FROM ${schema}.${table} WHERE ${where}`;
  const there: unknown = (await rig.registration.query(sql('registration'))).rows[0];
  const here: unknown = (await rig.metering.query(sql('metering'))).rows[0];
  if (JSON.stringify(there) === JSON.stringify(here)) return { same: true };
  const keys = (schema: string): string =>
    `SELECT left(${key}::text, 60) AS key, md5(row(${list})::text) AS digest FROM ${schema}.${table} WHERE ${where}`;
  const rowsThere = (await rig.registration.query<KeyedRow>(keys('registration'))).rows;
  const rowsHere = (await rig.metering.query<KeyedRow>(keys('metering'))).rows;
  return { same: false, there, here, onlyThere: without(rowsThere, rowsHere), onlyHere: without(rowsHere, rowsThere) };
}

interface KeyedRow {
  readonly key: string;
  readonly digest: string;
}

/** The keys of the first few rows that are not, or not so, among the others. */
function without(rows: readonly KeyedRow[], others: readonly KeyedRow[]): readonly string[] {
  const there = new Set(others.map(({ key, digest }) => `${key} ${digest}`));
  return rows
    .filter(({ key, digest }) => !there.has(`${key} ${digest}`))
    .map(({ key }) => key)
    .slice(0, 10);
}

let markers = 800_000_000;

/**
 * Commits one more good metering point and waits until it is in the store: what was committed before is then captured. Then
 * waits until the balance closes: all of it has its outcome. Returns the balance.
 */
export async function untilEverythingIsThrough(rig: Rig, withinMs = 60_000): Promise<BalanceDocument> {
  markers += 1;
  const { rows } = await rig.registration.query<{ mpan: string }>(
    `INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series($1::bigint, $1::bigint) AS n
     RETURNING mpan_core AS mpan`,
    [markers],
  );
  await until(
    'the last change arrives',
    () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point WHERE mpan_core = $1', [rows[0]?.mpan]),
    (n) => n === 1,
    withinMs,
  );
  const answer = await until(
    'every event is accounted for',
    () => performedOn(rig, 'balance', '--json'),
    ({ status }) => status === 0,
    withinMs,
  );
  return JSON.parse(answer.stdout) as BalanceDocument;
}

/** Both sides started on an initialised rig, and an empty registration database with reference data arrived. */
export async function untilReferenceDataArrived(rig: Rig, participants: number): Promise<void> {
  await until(
    'reference data arrives',
    () => count(rig.metering, 'SELECT count(*) FROM metering.participant'),
    (n) => n === participants,
  );
}
