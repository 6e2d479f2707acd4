import type pg from 'pg';
import type { TableRoute } from './contract.ts';
import { identifyingColumns, missingTable, routeColumns, tableName } from './route-columns.ts';
import { quoteIdentifier, quoteTable } from './sql.ts';
import { readTable } from './table-catalog.ts';
import { isNull, Tuple } from './tuple.ts';
import type { Place } from './topic-places.ts';

const placesAtOnce = 20_000;

/** Those places at which the table has no row, as the database sees it now. */
export async function goneRows(
  client: pg.Client,
  route: TableRoute,
  places: readonly Place[],
): Promise<readonly Place[]> {
  const table = await readTable(client, route.schema, route.table);
  if (table === null) throw missingTable(route);
  const same = identifyingColumns(route)
    .map((name, index) => {
      const type = table.columns.find((column) => column.name === name)?.type ?? 'text';
      // Only a column outside of the primary key can be null; the key itself must be found by its index.
      const equal = route.primaryKey.includes(name) ? '=' : 'IS NOT DISTINCT FROM';
      return `t.${quoteIdentifier(name)} ${equal} (p.place ->> ${index})::${type}`;
    })
    .join(' AND ');
  const gone: Place[] = [];
  for (let from = 0; from < places.length; from += placesAtOnce) {
    const some = places.slice(from, from + placesAtOnce);
    const { rows } = await client.query<{ n: number }>(
      `SELECT p.n::int AS n FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS p(place, n)
       WHERE NOT EXISTS (SELECT FROM ${quoteTable(route)} t WHERE ${same}) ORDER BY p.n`,
      [JSON.stringify(some)],
    );
    for (const { n } of rows) gone.push(some[n - 1] ?? []);
  }
  return gone;
}

/** The old row of a delete, with nothing but what identifies it. Its columns are those of `routeColumns`. */
export function goneTuple(route: TableRoute, place: Place): Tuple {
  const tuple = new Tuple();
  const columns = routeColumns(route);
  const parts = place.map((part) => (part === null ? null : Buffer.from(part)));
  tuple.reset(Buffer.concat(parts.filter((part) => part !== null)), columns.length);
  let at = 0;
  for (let column = 0; column < columns.length; column += 1) {
    const part = parts[column] ?? null;
    tuple.starts[column] = at;
    tuple.lengths[column] = part === null ? isNull : part.length;
    at += part?.length ?? 0;
  }
  if (parts.length > columns.length) throw new RangeError(`too many parts for ${tableName(route)}`);
  return tuple;
}
