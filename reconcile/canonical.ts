import { quoteIdentifier, quoteLiteral } from '../connectors/source/sql.ts';
import type { ReconciledItem, ReconciledTable } from './tables.ts';

/**
 * Both sides as the same types, so that equal rows have equal digests whatever the sessions, the collations and the
 * exact types of the columns are. What an event can not carry (infinity, NaN, more digits than it has) is a value of
 * its own here: `infinity` for dates, `NaN` for numbers.
 */

/** Column → the name of its type, as pg_type has it. */
export type ColumnTypes = ReadonlyMap<string, string>;

/** The items of a row as SQL, by item name. */
export type ItemsSql = (item: ReconciledItem) => string;

export function sourceItems(alias: string, types: ColumnTypes): ItemsSql {
  return ({ kind, column }) => {
    if (column === null) return `NULL::${sqlTypes[kind]}`;
    const value = `${alias}.${quoteIdentifier(column)}`;
    const type = types.get(column) ?? '';
    switch (kind) {
      case 'text':
        // A cast of char(n) drops its padding, which the source does send.
        return type === 'text' || type === 'varchar'
          ? `${value}::text`
          : `CASE WHEN ${value} IS NOT NULL THEN concat(${value}) END`;
      case 'date':
        return `CASE WHEN ${value}::date = date '-infinity' THEN date 'infinity' ELSE ${value}::date END`;
      case 'millionths': {
        const number = `${value}::numeric`;
        return `CASE WHEN ${number} < 1000000 AND ${number} > -1000000 AND (scale(${number}) <= 6 OR ${number} = trunc(${number}, 6))
          THEN ${number} WHEN ${value} IS NOT NULL THEN numeric 'NaN' END`;
      }
      case 'boolean':
      case 'integer':
      case 'mirrored':
        return `${value}::${sqlTypes[kind]}`;
    }
  };
}

/** `isAbsent`: a column of the source that the store gets with the first record that has it. */
export function storeItems(alias: string, isAbsent: (item: ReconciledItem) => boolean = () => false): ItemsSql {
  return (item) => {
    const { name, kind, stored, missing = null } = item;
    if (kind === 'mirrored' && isAbsent(item))
      return missing === null ? 'NULL::text' : `${quoteLiteral(missing)}::text`;
    if (kind === 'mirrored') return `${alias}.${stored ?? name}::text`;
    return kind === 'integer' ? `${alias}.${name}::bigint` : `${alias}.${name}`;
  };
}

/** The items of an event that is kept as JSON: dates as days, decimals as millionths. */
export function eventItems(event: string): ItemsSql {
  return ({ name, kind }) => {
    const value = `(${event} ->> '${name}')`;
    const unfit = `${event} -> 'invalid' ? '${name}'`;
    switch (kind) {
      case 'text':
        return `coalesce(${value}, ${event} -> 'invalid' ->> '${name}')`;
      case 'date':
        return `CASE WHEN ${unfit} THEN date 'infinity' ELSE date '1970-01-01' + ${value}::int END`;
      case 'millionths':
        return `CASE WHEN ${unfit} THEN numeric 'NaN' ELSE ${value}::numeric / 1000000 END`;
      case 'boolean':
      case 'integer':
      case 'mirrored':
        return `${value}::${sqlTypes[kind]}`;
    }
  };
}

const sqlTypes: Readonly<Record<ReconciledItem['kind'], string>> = {
  text: 'text',
  date: 'date',
  boolean: 'boolean',
  millionths: 'numeric',
  integer: 'bigint',
  // Both sides are read under the same settings of the session.
  mirrored: 'text',
};

/** A 64-bit digest of a row. */
export function digestSql({ items }: ReconciledTable, itemSql: ItemsSql): string {
  return `hash_record_extended(row(${items.map(itemSql).join(', ')}), 0)`;
}

/** The name of a row, as text in the order of its bytes. */
export function keySql(table: ReconciledTable, itemSql: ItemsSql): string {
  const parts = table.key.map((name) => {
    const item = itemOf(table, name);
    const text = `coalesce((${itemSql(item)})::text, '')`;
    // As in the events' keys: no two composed keys are alike.
    return item.kind === 'mirrored' && table.key.length > 1
      ? `regexp_replace(${text}, '([|\\\\])', '\\\\\\1', 'g')`
      : text;
  });
  return `(${parts.join(` || '|' || `)}) COLLATE "C"`;
}

/** The key of the row's events, as text; empty for reference data. */
export function laneKeySql(table: ReconciledTable, itemSql: ItemsSql): string {
  return table.laneKey === null ? `''::text` : `coalesce(${itemSql(itemOf(table, table.laneKey))}, '')`;
}

/** The digest of a row's name alone. */
export function keyHashSql(key: string): string {
  return `hashtextextended(${key}, 0)`;
}

/** Of a query with columns `key` and `fresh`: the keys that are. */
export const freshSql = 'array_agg(key) FILTER (WHERE fresh) AS fresh';

/** All rows in one bucket need no look at their keys. */
export function bucketSql(key: string, buckets: number): string {
  if (buckets === 1) return '0';
  return `(hashtextextended(${key}, 0) & ${buckets - 1})::int`;
}

/** The columns `bucket`, `rows`, `xor` and `sum` of a query with columns `bucket` and `h`, and how it is grouped. */
export function bucketColumns(buckets: number): { readonly columns: string; readonly grouped: string } {
  return {
    columns: `${buckets === 1 ? '0 AS bucket' : 'bucket'}, count(h)::text AS rows, ${digestColumns('h')}`,
    grouped: buckets === 1 ? '' : 'GROUP BY bucket',
  };
}

/**
 * Ends a query whose columns are each used several times: without it the server puts their expressions in place of them, and
 * hashes every row as often as a digest is asked for.
 */
export const onceSql = 'OFFSET 0';

/** Digests of many rows by xor and by sum: of the upper half only, because a sum of 64-bit numbers is a slow one. */
export function digestColumns(h: string, prefix = ''): string {
  return `coalesce(bit_xor(${h}), 0)::text AS ${prefix}xor, coalesce(sum((${h} >> 32)::int), 0)::text AS ${prefix}sum`;
}

/** The items as an array of texts, for people. */
export function textsSql({ items }: ReconciledTable, itemSql: ItemsSql): string {
  const texts = items.map((item) =>
    item.kind === 'millionths' ? `(${itemSql(item)})::numeric(12, 6)::text` : `(${itemSql(item)})::text`,
  );
  return `ARRAY[${texts.join(', ')}]`;
}

export function itemOf(table: ReconciledTable, name: string): ReconciledItem {
  const item = table.items.find((one) => one.name === name);
  if (item === undefined) throw new RangeError(`${table.entity} has no item ${name}`);
  return item;
}
