import type pg from 'pg';
import type { RecordSchema } from '../../../avro/schemas.ts';
import { quoteIdentifier } from '../../source/sql.ts';
import { storedTable } from './store-table.ts';

/** A column of the store that does not take what the source's column has by now. */
export interface UnfitColumn {
  /** The table, or its history; quoted. */
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly wanted: string;
  /** The statement that somebody may run, who knows whether what is there can be converted. */
  readonly fix: string;
}

/** The store's columns that the schema of a mirrored table does not fit. A column that is text takes everything. */
export async function unfitColumns(
  client: Pick<pg.ClientBase, 'query'>,
  schema: RecordSchema,
): Promise<readonly UnfitColumn[]> {
  const { current, history, columns } = storedTable(schema, () => true);
  await client.query('BEGIN READ ONLY');
  try {
    // So that types are named in full, as in the schema.
    await client.query('SET LOCAL search_path = pg_catalog');
    const { rows } = await client.query<{ table: string; column: string; type: string }>(
      `SELECT name AS "table", attname AS column, format_type(atttypid, atttypmod) AS type FROM unnest($1::text[]) name
       JOIN pg_attribute ON attrelid = to_regclass(name) AND attnum > 0 AND NOT attisdropped ORDER BY name, attnum`,
      [[current, history]],
    );
    return rows.flatMap(({ table, column, type }) => {
      const wanted = columns.find(({ name }) => name === column)?.type ?? type;
      const takesAny = type === 'text' || type === 'text[]';
      if (takesAny || type === wanted || type === withoutModifier(wanted)) return [];
      const quoted = quoteIdentifier(column);
      const fix = `ALTER TABLE ${table} ALTER COLUMN ${quoted} TYPE ${wanted} USING ${quoted}::${wanted};`;
      return [{ table, column, type, wanted, fix }];
    });
  } finally {
    await client.query('ROLLBACK');
  }
}

function withoutModifier(type: string): string {
  return type.replace(/\([-\d,]+\)/u, '');
}
