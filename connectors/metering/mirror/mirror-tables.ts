import type pg from 'pg';
import type { RecordSchema } from '../../../avro/schemas.ts';
import { type StoredTable, storedTable, storedTableSql } from './store-table.ts';

/** What the store lacks of these mirrored tables, and how it is made. */
export async function mirrorTablesMissing(
  client: Pick<pg.ClientBase, 'query'>,
  schemas: readonly RecordSchema[],
): Promise<readonly (StoredTable & { readonly sql: string })[]> {
  const types = schemas.flatMap(({ fields }) => fields.flatMap(({ postgres }) => postgres?.stored ?? []));
  const { rows } = await client.query<{ type: string }>(
    'SELECT type FROM unnest($1::text[]) type WHERE to_regtype(type) IS NULL',
    [types],
  );
  const unknown = new Set(rows.map((row) => row.type));
  const tables = schemas.map((schema) => storedTable(schema, (type) => !unknown.has(type)));
  const { rows: missing } = await client.query<{ name: string }>(
    'SELECT name FROM unnest($1::text[]) name WHERE to_regclass(name) IS NULL',
    [tables.flatMap(({ current, history }) => [current, history])],
  );
  const absent = new Set(missing.map((row) => row.name));
  return tables
    .filter(({ current, history }) => absent.has(current) || absent.has(history))
    .map((table) => ({ ...table, sql: storedTableSql(table) }));
}
