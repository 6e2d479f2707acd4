import { Fault } from '../../runtime/fault.ts';
import { quoteIdentifier, quoteLiteral, quoteTable } from './sql.ts';
import type { CatalogColumn, CatalogTable } from './table-catalog.ts';

/** The SQL of chunks: the rows after a cursor, in its order. Values are the text that the replication stream would have. */
export interface ChunkQuery {
  /** The columns whose text in the last row is the cursor. */
  readonly cursorColumns: readonly number[];
  text(after: readonly string[] | null, limit: number): string;
}

export interface TableChunks {
  readonly table: CatalogTable;
  /** The columns to read, the primary key first. */
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
  /** Only rows for which it is true: an expression that `checkPredicate` has accepted. */
  readonly predicate?: string | null;
}

/** The rows of a table, in the order of its primary key. */
export function tableChunks({ table, columns, primaryKey, predicate = null }: TableChunks): ChunkQuery {
  const key = primaryKey.map(quoteIdentifier).join(', ');
  const texts = columns.map((name) => textOf(columnOf(table, name), quoteIdentifier(name))).join(', ');
  // On a line of its own, so that a comment in it ends before what follows.
  const chosen = predicate === null ? [] : [`(${predicate}\n)`];
  return {
    cursorColumns: primaryKey.map((_, index) => index),
    text: (after, limit) => {
      const bound = primaryKey
        .map((name, index) => `${quoteLiteral(after?.[index] ?? '')}::${columnOf(table, name).type}`)
        .join(', ');
      const conditions = [...(after === null ? [] : [`(${key}) > (${bound})`]), ...chosen];
      const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
      return `SELECT ${texts} FROM ${quoteTable(table)}${where} ORDER BY ${key} LIMIT ${limit}`;
    },
  };
}

export interface KeyChunks {
  readonly table: CatalogTable;
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
  /** What a listed key has, in order: the primary key, and for a key that is gone the rest of what identifies a row. */
  readonly identifying: readonly string[];
  /** Of these, the columns by which events are keyed. */
  readonly messageKey: readonly string[];
  readonly job: number;
}

/** Says of a listed key, in the last column of its row, whether the row is there. */
export const keyFindings = { here: 'h', gone: 'g', untold: 'u', repeated: 'r' } as const;

/**
 * The rows of the keys that a job lists, in the order of the list. A key that is gone comes with what is known of it. A
 * key whose row is there under another key of events comes twice: as gone where it was listed, and as the row.
 */
export function keyChunks({ table, columns, primaryKey, identifying, messageKey, job }: KeyChunks): ChunkQuery {
  const [first = ''] = primaryKey;
  const gone = `t.${quoteIdentifier(first)} IS NULL`;
  const listed = (name: string): string => `k.key[${identifying.indexOf(name) + 1}]::${columnOf(table, name).type}`;
  const texts = columns.map((name) => {
    const column = columnOf(table, name);
    const value = `t.${quoteIdentifier(name)}`;
    return identifying.includes(name)
      ? `CASE WHEN ${gone} THEN ${textOf(column, listed(name))} ELSE ${textOf(column, value)} END`
      : textOf(column, value);
  });
  // Two listed keys can be of one row, which is told once: events of one chunk have one position.
  const finding = `CASE WHEN NOT (${gone}) THEN CASE WHEN k.time = 1 THEN '${keyFindings.here}' ELSE '${keyFindings.repeated}' END
    WHEN cardinality(k.key) < ${identifying.length} THEN '${keyFindings.untold}' ELSE '${keyFindings.gone}' END`;
  const same = (alias: string): string =>
    primaryKey.map((name) => `${alias}.${quoteIdentifier(name)} = ${listed(name)}`).join(' AND ');
  const movable = messageKey.filter((name) => !primaryKey.includes(name));
  const moved = movable.map((name) => `o.${quoteIdentifier(name)} IS DISTINCT FROM ${listed(name)}`).join(' OR ');
  const elsewhere = `SELECT true AS elsewhere WHERE cardinality(k.key) = ${identifying.length}
    AND EXISTS (SELECT FROM ${quoteTable(table)} o WHERE ${same('o')} AND (${moved}))`;
  const ways =
    movable.length === 0
      ? '(VALUES (false)) AS w(elsewhere)'
      : `LATERAL (${elsewhere} UNION ALL SELECT false) AS w(elsewhere)`;
  return {
    cursorColumns: [columns.length],
    text: (after, limit) => `SELECT ${texts.join(', ')}, k.n::text, ${finding}
      FROM (SELECT n, key, row_number() OVER (PARTITION BY key[1:${primaryKey.length}] ORDER BY n) AS time
        FROM (SELECT n, key FROM concord.snapshot_key WHERE job = ${job} AND n > ${Number(after?.[0] ?? 0)} ORDER BY n LIMIT ${limit}) l) k
      CROSS JOIN ${ways}
      LEFT JOIN ${quoteTable(table)} t ON NOT w.elsewhere AND ${same('t')} ORDER BY k.n, w.elsewhere DESC`,
  };
}

/** The text that the type's output function makes, which is the text of the replication stream. */
export function textOf(column: CatalogColumn, value: string): string {
  return column.type === 'text' ? value : `textin(${column.outputFunction}(${value}))`;
}

function columnOf(table: CatalogTable, name: string): CatalogColumn {
  const column = table.columns.find((one) => one.name === name);
  if (column === undefined) {
    throw new Fault(
      'misconfigured',
      'SOURCE_COLUMN_MISSING',
      `The table ${table.schema}.${table.table} has no column ${name}. Correct the mapping, or the table.`,
      { table: `${table.schema}.${table.table}`, column: name },
    );
  }
  return column;
}
