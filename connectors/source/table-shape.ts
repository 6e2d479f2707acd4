import type pg from 'pg';
import type { ShapeColumn, ShapeType, TableShape } from '../../avro/mirror-schema.ts';
import { Fault } from '../../runtime/fault.ts';
import { missingTable, tableName } from './route-columns.ts';
import { quoteTable } from './sql.ts';

interface ShapeRow {
  readonly name: string;
  readonly type: string;
  readonly base: ShapeType;
  readonly element: ShapeType | null;
  readonly key_position: number | null;
  readonly number: number;
  readonly missing: string | null;
  readonly filled: boolean;
}

type TablePlace = Pick<TableShape, 'schema' | 'table'>;

/** From PostgreSQL 18 on a publication can carry stored generated columns; no server sends virtual ones. */
const generatedColumnsSince = 180_000;

/**
 * The table as it is now. Types are named in full, whatever the session's search path. Generated columns that the server
 * does not send are left out. Throws a Fault if there is no such table, or no primary key to tell its rows apart.
 */
export async function readShape(client: Pick<pg.ClientBase, 'query'>, place: TablePlace): Promise<TableShape> {
  await client.query('BEGIN READ ONLY');
  try {
    return await readShapeWithin(client, place);
  } finally {
    await client.query('ROLLBACK');
  }
}

/** The same within a transaction, whose settings are other ones afterwards. */
export async function readShapeWithin(client: Pick<pg.ClientBase, 'query'>, place: TablePlace): Promise<TableShape> {
  await client.query(localSettings);
  const { rows } = await client.query<ShapeRow>(shapeQuery, [place.schema, place.table, generatedColumnsSince]);
  if (rows.length === 0) throw missingTable({ ...place, entity: tableName(place) });
  const key = rows
    .filter((row) => row.key_position !== null)
    .toSorted((a, b) => (a.key_position ?? 0) - (b.key_position ?? 0))
    .map(({ name }) => name);
  if (key.length === 0) {
    throw new Fault(
      'misconfigured',
      'PRIMARY_KEY_MISSING',
      `The table ${tableName(place)} has no primary key, so that its rows can not be told apart. ALTER TABLE ${quoteTable(place)} ADD PRIMARY KEY, or do not mirror it.`,
      { table: tableName(place) },
    );
  }
  return { ...place, key, columns: rows.map(columnOf) };
}

/** Values are told as everywhere else; types with their schema, where it is not PostgreSQL's own. */
const localSettings = `SET LOCAL search_path = pg_catalog; SET LOCAL datestyle = ISO; SET LOCAL intervalstyle = postgres;
  SET LOCAL timezone = 'UTC'; SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = hex; SET LOCAL lc_monetary = 'C'`;

function columnOf({ name, type, base, element, number, missing, filled }: ShapeRow): ShapeColumn {
  return { name, type, base, element, number, missing, isFilled: filled };
}

const shapeQuery = `
  WITH RECURSIVE columns AS (
    SELECT a.attnum, a.attname AS name, a.atttypid AS oid, a.atttypmod AS modifier, format_type(a.atttypid, a.atttypmod) AS type,
           array_position(k.indkey::int2[], a.attnum) AS key_position,
           CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END AS missing,
           a.atthasdef OR a.attidentity <> '' AS filled
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index k ON k.indrelid = c.oid AND k.indisprimary
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')
      AND (a.attgenerated = '' OR (a.attgenerated = 's' AND current_setting('server_version_num')::int >= $3))
  ), chain AS (
    SELECT attnum, oid, modifier, 1 AS depth FROM columns
    UNION ALL
    SELECT c.attnum, t.typbasetype, t.typtypmod, c.depth + 1 FROM chain c JOIN pg_type t ON t.oid = c.oid AND t.typtype = 'd'
  ), base AS (
    SELECT DISTINCT ON (attnum) attnum, oid, modifier FROM chain ORDER BY attnum, depth DESC
  )
  SELECT c.name, c.type, c.key_position, c.attnum::int AS number, c.missing, c.filled,
    jsonb_build_object('schema', n.nspname, 'name', t.typname, 'kind', t.typtype, 'sql', format_type(b.oid, b.modifier),
      'modifier', b.modifier) AS base,
    CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN (
      SELECT jsonb_build_object('schema', en.nspname, 'name', e.typname, 'kind', e.typtype, 'sql', format_type(e.oid, b.modifier),
        'modifier', b.modifier)
      FROM pg_type e JOIN pg_namespace en ON en.oid = e.typnamespace WHERE e.oid = t.typelem) END AS element
  FROM columns c JOIN base b USING (attnum)
  JOIN pg_type t ON t.oid = b.oid
  JOIN pg_namespace n ON n.oid = t.typnamespace
  ORDER BY c.attnum`;
