import type pg from 'pg';
import { ChunkReader, type ChunkRows } from './chunk.ts';
import type { ChunkQuery } from './chunk-query.ts';
import { tableName } from './route-columns.ts';
import type { TableWriter } from './table-writer.ts';
import type { Tuple } from './tuple.ts';
import type { Watermarks } from './watermarks.ts';
import type { XidLog } from './xid-log.ts';

/** The first chunk is small, to learn how wide the rows are; a chunk aims at no more than so many bytes. */
const firstChunkRows = 1_000;
const chunkBytesAim = 8_000_000;

/**
 * What a row of a chunk says of its key: it is there, it is gone, it is gone and where to tell it is not known, or the
 * chunk has told it already.
 */
export type RowFinding = 'read' | 'delete' | 'untold' | 'repeated';

export interface ChunkCounts {
  readonly rows: number;
  readonly deletes: number;
  readonly untold: number;
}

/** Something that is read in chunks. Its state is kept by the caller: in what the next progress record says. */
export interface ChunkTask {
  readonly writer: TableWriter;
  readonly query: ChunkQuery;
  /** The cursor after the last finished chunk. */
  after(): readonly string[] | null;
  find(row: Tuple): RowFinding;
  /** In the same breath as the rows: whatever progress record covers them says that the chunk is finished. */
  finished(after: readonly string[] | null, counts: ChunkCounts, last: boolean): void;
  /** Asked before each chunk. */
  goesOn(): Promise<boolean>;
}

/**
 * Copies chunks by DBLog's watermarks (P11): a chunk is read between two marks that travel through the stream; rows
 * with an event between them are left to those events; the others are written at the high mark, as if they had been
 * changed there. The high mark of a chunk is the low mark of the next.
 */
export class ChunkCopier {
  readonly #watermarks: Watermarks;
  readonly #streamed: XidLog;
  readonly #rowsMax: number;

  constructor(watermarks: Watermarks, streamed: XidLog, rowsMax: number) {
    this.#watermarks = watermarks;
    this.#streamed = streamed;
    this.#rowsMax = rowsMax;
  }

  /** Resolves with true when all is gathered; with false when the task does not go on, or the signal aborts. */
  async copy(client: pg.Client, task: ChunkTask, signal: AbortSignal): Promise<boolean> {
    const name = tableName(task.writer.route);
    const reader = new ChunkReader(client, task.query);
    try {
      await this.#watermarks.pass(client, () => this.#watermarks.openWindow(name));
      let limit = Math.min(firstChunkRows, this.#rowsMax);
      while (!signal.aborted && (await task.goesOn())) {
        const asked = limit;
        const sees = (snapshot: Parameters<XidLog['invisibleIn']>[0]): boolean =>
          this.#streamed.invisibleIn(snapshot) === null;
        const rows = await reader.read(task.after(), asked, sees, signal);
        // Nothing to write at a mark: what appears from here on is in the stream.
        if (rows.count === 0) return true;
        let last = false;
        await this.#watermarks.pass(client, (writeRows) => {
          const window = this.#watermarks.window;
          if (window !== null && !window.void) {
            last = rows.count < asked;
            writeRows((batch, stamp, ordinal) => {
              const counts = { rows: 0, deletes: 0, untold: 0 };
              rows.forEach((row) => {
                if (window.has(task.writer, row)) {
                  if (window.isPartial(task.writer, row)) task.writer.readAgain(batch, row);
                  return;
                }
                const finding = task.find(row);
                if (finding === 'untold') counts.untold += 1;
                else if (finding !== 'repeated') task.writer.write(batch, finding, stamp, ordinal, row);
                if (finding === 'read') counts.rows += 1;
                if (finding === 'delete') counts.deletes += 1;
              });
              task.finished(rows.lastKey, counts, last);
            });
          }
          this.#watermarks.openWindow(name);
        });
        if (last) return true;
        limit = nextLimit(rows, this.#rowsMax);
      }
      return false;
    } finally {
      this.#watermarks.closeWindow();
    }
  }
}

function nextLimit(rows: ChunkRows, limitMax: number): number {
  const aimed = Math.floor((chunkBytesAim * rows.count) / rows.bytes);
  return Math.max(1, Math.min(limitMax, aimed, rows.count * 10));
}
