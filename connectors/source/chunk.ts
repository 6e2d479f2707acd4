import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { pause } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/fault.ts';
import type { ChunkQuery } from './chunk-query.ts';
import { Tuple } from './tuple.ts';
import { type DatabaseSnapshot, parseSnapshot } from './xid-log.ts';

/** Signature, flags and the length of the extension, which is empty. */
const copyHeaderBytes = 19;
const invisibleRetryMs = 5;

/** The rows of one chunk, as PostgreSQL's binary COPY: n:2 { length:4 bytes }* a row, and -1:2 at the end. */
export class ChunkRows {
  readonly count: number;
  /** The cursor columns of the last row, as text; null if there is no row. */
  readonly lastKey: readonly string[] | null;
  readonly bytes: number;
  readonly #data: Buffer;

  constructor(data: Buffer, cursorColumns: readonly number[]) {
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
        lastKey = cursorColumns.map((column) => tuple.text(column) ?? '');
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

/** Reads chunks in the order of their query, each in a snapshot of its own. */
export class ChunkReader {
  readonly #client: pg.Client;
  readonly #query: ChunkQuery;

  constructor(client: pg.Client, query: ChunkQuery) {
    this.#client = client;
    this.#query = query;
  }

  /**
   * The rows after the cursor `after`, at most `limit`. `sees` says whether a snapshot sees every transaction that was
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
        const data = await this.#copy(this.#query.text(after, limit));
        await this.#client.query('COMMIT');
        return new ChunkRows(data, this.#query.cursorColumns);
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
