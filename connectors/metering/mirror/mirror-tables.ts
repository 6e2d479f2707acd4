import type pg from 'pg';
import type { RecordSchema } from '../../../avro/schemas.ts';
import { addColumnsSql, type StoredTable, storedTable, storedTableSql } from './store-table.ts';

/** What the store lacks of one mirrored table, and how it is made. */
export interface MissingTable {
  readonly current: string;
  readonly what: string;
  readonly sql: string;
}

type Queryable = Pick<pg.ClientBase, 'query'>;

/** What the store lacks of these mirrored tables: whole tables, or columns that the source has since. */
export async function mirrorTablesMissing(
  client: Queryable,
  schemas: readonly RecordSchema[],
): Promise<readonly MissingTable[]> {
  const types = schemas.flatMap(({ fields }) => fields.flatMap(({ postgres }) => postgres?.stored ?? []));
  const { rows } = await client.query<{ type: string }>(
    'SELECT type FROM unnest($1::text[]) type WHERE to_regtype(type) IS NULL',
    [types],
  );
  const unknown = new Set(rows.map((row) => row.type));
  const missing: MissingTable[] = [];
  for (const schema of schemas) {
    missing.push(
      ...(await missingOf(
        client,
        storedTable(schema, (type) => !unknown.has(type)),
      )),
    );
  }
  return missing;
}

async function missingOf(client: Queryable, table: StoredTable): Promise<readonly MissingTable[]> {
  const { current, history } = table;
  const { rows } = await client.query<{ columns: string[] | null }>(
    `SELECT (SELECT array_agg(attname::text) FROM pg_attribute
             WHERE attrelid = to_regclass(name) AND attnum > 0 AND NOT attisdropped) AS columns FROM unnest($1::text[]) name`,
    [[current, history]],
  );
  const there = rows.map(({ columns }) => new Set(columns ?? []));
  if (there.some(({ size }) => size === 0)) {
    return [{ current, what: `table ${current} with its history`, sql: storedTableSql(table) }];
  }
  const absent = table.columns.filter(({ name }) => there.some((columns) => !columns.has(name)));
  if (absent.length === 0) return [];
  const names = absent.map(({ name }) => name).join(', ');
  return [{ current, what: `columns of ${current}: ${names}`, sql: addColumnsSql(table, absent) }];
}
