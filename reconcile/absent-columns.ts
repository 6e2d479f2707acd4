import type pg from 'pg';
import type { ReconciledTable } from './tables.ts';

/**
 * Columns of mirrored tables that the store does not have yet, because no record with them has come: `table column`,
 * both as SQL. The store's rows are older than such a column, and have in it what the source's rows began with.
 */
export async function absentColumns(
  client: Pick<pg.ClientBase, 'query'>,
  tables: readonly ReconciledTable[],
): Promise<readonly string[]> {
  const wanted = tables.flatMap(({ current, items }) =>
    items.flatMap(({ kind, stored }) => (kind === 'mirrored' && stored !== undefined ? [[current, stored]] : [])),
  );
  if (wanted.length === 0) return [];
  const { rows } = await client.query<{ name: string }>(
    `SELECT wanted ->> 0 || ' ' || (wanted ->> 1) AS name FROM jsonb_array_elements($1::jsonb) wanted
     WHERE to_regclass(wanted ->> 0) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute
       WHERE attrelid = to_regclass(wanted ->> 0) AND attnum > 0 AND NOT attisdropped
         AND '"' || replace(attname, '"', '""') || '"' = wanted ->> 1)`,
    [JSON.stringify(wanted)],
  );
  return rows.map(({ name }) => name);
}
