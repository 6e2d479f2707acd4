import type { ClientBase } from 'pg';
import type { ReferenceRow, ReferenceTable } from './contract.ts';
import { type ReferencePlace, quoted } from './places.ts';

/** What a load does to one row. `before` and `after` hold the items; null where there is no row. */
export interface ReferenceChange {
  readonly kind: 'add' | 'change' | 'remove';
  readonly before: Readonly<Record<string, string | null>> | null;
  readonly after: Readonly<Record<string, string | null>> | null;
}

const incoming = 'pg_temp.concord_incoming';

/** Puts the rows of a file where SQL can see them, in one statement. */
export async function stage(client: ClientBase, place: ReferencePlace, rows: readonly ReferenceRow[]): Promise<void> {
  const columns = place.form.columns.map(({ item, isDate }) => `${quoted(item)} ${isDate ? 'date' : 'text'}`);
  await client.query(`DROP TABLE IF EXISTS ${incoming}`);
  await client.query(
    `CREATE TEMPORARY TABLE concord_incoming ON COMMIT DROP AS
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS row(change text, ${columns.join(', ')})`,
    [JSON.stringify(rows.map(({ change, items }) => ({ change, ...items })))],
  );
  await client.query(`ANALYZE ${incoming}`);
}

/** What the staged rows change, and how many are there already as they say. */
export async function readChanges(
  client: ClientBase,
  place: ReferencePlace,
  isFull: boolean,
): Promise<{ readonly changes: readonly ReferenceChange[]; readonly unchanged: number }> {
  const after = objectOf(place, 'i', (item) => quoted(item));
  const before = objectOf(place, 't', (item) => place.columns.get(item) ?? 'NULL');
  const { rows } = await client.query<{ kind: ReferenceChange['kind'] | 'none'; before: never; after: never }>(
    `SELECT CASE WHEN i.change IS NULL THEN 'remove'
         WHEN i.change = 'remove' THEN CASE WHEN t.there THEN 'remove' ELSE 'none' END
         WHEN t.there IS NULL THEN 'add'
         WHEN ${before} = ${after} THEN 'none' ELSE 'change' END AS kind,
       CASE WHEN t.there THEN ${before} END AS before,
       CASE WHEN i.change = 'put' THEN ${after} END AS after
     FROM ${incoming} i ${isFull ? 'FULL' : 'LEFT'} JOIN (SELECT *, true AS there FROM ${place.table}) t ON ${sameKey(place)}
     ORDER BY coalesce(${after}, ${before})::text`,
  );
  const changes = rows.flatMap(({ kind, ...row }) => (kind === 'none' ? [] : [{ kind, ...row }]));
  return { changes, unchanged: rows.length - changes.length };
}

/** Makes the table what the staged rows say: three statements, however many rows there are. */
export async function applyStaged(
  client: ClientBase,
  place: ReferencePlace,
  isFull: boolean,
  version: number,
): Promise<void> {
  const key = sameKey(place);
  const isGone = isFull
    ? `NOT EXISTS (SELECT FROM ${incoming} i WHERE ${key})`
    : `EXISTS (SELECT FROM ${incoming} i WHERE i.change = 'remove' AND ${key})`;
  await client.query(`DELETE FROM ${place.table} t WHERE ${isGone}`);
  const columns = [...place.columns];
  const valueOf = (item: string): string => (item === 'reference_version' ? String(version) : `i.${quoted(item)}`);
  const others = columns.filter(([item]) => !place.form.key.includes(item));
  if (others.length > 0) {
    await client.query(
      `UPDATE ${place.table} t SET ${others.map(([item, column]) => `${column} = ${valueOf(item)}`).join(', ')}
         FROM ${incoming} i WHERE i.change = 'put' AND ${key}
           AND (${others.map(([, column]) => `t.${column}`).join(', ')})
             IS DISTINCT FROM (${others.map(([item]) => valueOf(item)).join(', ')})`,
    );
  }
  await client.query(
    `INSERT INTO ${place.table} (${columns.map(([, column]) => column).join(', ')})
       SELECT ${columns.map(([item]) => valueOf(item)).join(', ')} FROM ${incoming} i
       WHERE i.change = 'put' AND NOT EXISTS (SELECT FROM ${place.table} t WHERE ${key})`,
  );
}

/** The newest version that the tables or the record of loads know; null where there is none. */
export async function readVersion(
  client: ClientBase,
  places: ReadonlyMap<ReferenceTable, ReferencePlace>,
): Promise<number | null> {
  const place = places.get('participant');
  const column = place?.columns.get('reference_version');
  const { rows } = await client.query<{ loads: boolean }>(
    `SELECT to_regclass('concord.reference_load') IS NOT NULL AS loads`,
  );
  const sources = [
    ...(place === undefined || column === undefined
      ? []
      : [`SELECT max(${column})::int AS version FROM ${place.table}`]),
    // The last load counts, and not the largest version: a forced one may have gone back.
    ...(rows[0]?.loads === true ? ['(SELECT version FROM concord.reference_load ORDER BY load_id DESC LIMIT 1)'] : []),
  ];
  if (sources.length === 0) return null;
  const found = await client.query<{ version: number | null }>(
    `SELECT max(version) AS version FROM (${sources.join(' UNION ALL ')}) v`,
  );
  return found.rows[0]?.version ?? null;
}

function sameKey(place: ReferencePlace): string {
  return place.form.key.map((item) => `i.${quoted(item)} = t.${place.columns.get(item) ?? quoted(item)}`).join(' AND ');
}

function objectOf(place: ReferencePlace, from: 'i' | 't', columnOf: (item: string) => string): string {
  const parts = place.form.columns
    .filter(({ item }) => place.columns.has(item))
    .map(({ item }) => `'${item}', ${from}.${columnOf(item)}::text`);
  return `jsonb_build_object(${parts.join(', ')})`;
}
