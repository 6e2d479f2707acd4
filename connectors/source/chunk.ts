import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { pause } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/fault.ts';
import { quoteIdentifier, quoteLiteral, quoteTable } from './sql.ts';
import type { CatalogColumn, CatalogTable } from './table-catalog.ts';
import { Tuple } from './tuple.ts';
import { type DatabaseSnapshot, parseSnapshot } from './xid-log.ts';

/** Signature, flags and the length of the extension, which is empty. */
const copyHeaderBytes = 19;
const invisibleRetryMs = 5;

/** The rows of one chunk, as PostgreSQL's binary COPY: n:2 { length:4 bytes }* a row, and -1:2 at the end. */
export class ChunkRows {
  readonly count: number;
  /** The primary key of the last row, as text; null if there is no row. */
  readonly lastKey: readonly string[] | null;
  readonly bytes: number;
  readonly #data: Buffer;

  constructor(data: Buffer, keyColumns: number) {
    this.#data = data;
    this.bytes = data.length;
    let count = 0;
    let lastKey: string[] | null = null;
    const tuple = new Tuple();
    for (let at = copyHeaderBytes; ; ) {
      const next = readRow(data, at, tuple);
      if (next < 0) break;
      count += 1;
      // The trailer follows the last row.
      if (data.readInt16BE(next) === -1) {
        lastKey = Array.from({ length: keyColumns }, (_, column) => tuple.text(column) ?? '');
      }
      at = next;
    }
    this.count = count;
    this.lastKey = lastKey;
  }

  /** The tuple is the same object every time. */
  forEach(take: (row: Tuple) => void): void {
    const tuple = new Tuple();
    for (let at = readRow(this.#data, copyHeaderBytes, tuple); at >= 0; at = readRow(this.#data, at, tuple))
      take(tuple);
  }
}

/** Fills the tuple; returns the offset after the row, or -1 at the trailer. */
function readRow(data: Buffer, at: number, tuple: Tuple): number {
  const count = data.readInt16BE(at);
  if (count < 0) return -1;
  tuple.reset(data, count);
  let cursor = at + 2;
  for (let column = 0; column < count; column += 1) {
    const length = data.readInt32BE(cursor);
    tuple.starts[column] = cursor + 4;
    tuple.lengths[column] = length;
    cursor += 4 + Math.max(length, 0);
  }
  return cursor;
}

export interface ChunkSettings {
  readonly table: CatalogTable;
  /** The columns to read, the primary key first. */
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
}

/** Reads chunks of one table in the order of its primary key, each in a snapshot of its own. */
export class ChunkReader {
  readonly #client: pg.Client;
  readonly #settings: ChunkSettings;

  constructor(client: pg.Client, settings: ChunkSettings) {
    this.#client = client;
    this.#settings = settings;
  }

  /**
   * The rows after the key `after`, at most `limit`. `sees` says whether a snapshot sees every transaction that was
   * streamed; until one does, a new one is taken (P11).
   */
  async read(
    after: readonly string[] | null,
    limit: number,
    sees: (snapshot: DatabaseSnapshot) => boolean,
    signal: AbortSignal,
  ): Promise<ChunkRows> {
    while (!signal.aborted) {
      await this.#client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const { rows } = await this.#client.query<{ snapshot: string }>('SELECT pg_current_snapshot()::text AS snapshot');
      if (sees(parseSnapshot(rows[0]?.snapshot ?? ''))) {
        const data = await this.#copy(chunkQuery(this.#settings, after, limit));
        await this.#client.query('COMMIT');
        return new ChunkRows(data, this.#settings.primaryKey.length);
      }
      await this.#client.query('ROLLBACK');
      await pause(invisibleRetryMs, signal);
    }
    throw new Fault('unavailable', 'SOURCE_STOPPED', 'The source was stopped while it read a chunk.');
  }

  async #copy(query: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.#client.query(copyTo(`COPY (${query}) TO STDOUT (FORMAT binary)`))) {
      parts.push(part as Buffer);
    }
    return Buffer.concat(parts);
  }
}

/** Values come as the text that the type's output function makes, which is the text of the replication stream. */
export function chunkQuery(settings: ChunkSettings, after: readonly string[] | null, limit: number): string {
  const { table, columns, primaryKey } = settings;
  const key = primaryKey.map(quoteIdentifier).join(', ');
  const texts = columns.map((name) => textOf(columnOf(table, name))).join(', ');
  const bound = primaryKey
    .map((name, index) => `${quoteLiteral(after?.[index] ?? '')}::${columnOf(table, name).type}`)
    .join(', ');
  const where = after === null ? '' : ` WHERE (${key}) > (${bound})`;
  return `SELECT ${texts} FROM ${quoteTable(table)}${where} ORDER BY ${key} LIMIT ${limit}`;
}

function textOf(column: CatalogColumn): string {
  const name = quoteIdentifier(column.name);
  return column.type === 'text' ? name : `textin(${column.outputFunction}(${name}))`;
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
