import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Logger } from 'pino';
import { databaseFault } from '../../runtime/postgres.ts';
import { messagePrefix, type RowsWriter, type StreamObserver } from './capture.ts';
import { ChunkReader, type ChunkRows } from './chunk.ts';
import { ChunkWindow } from './chunk-window.ts';
import type { TableRoute } from './contract.ts';
import type { Coverage } from './coverage.ts';
import { type TableLoad, untouchedTable } from './load-state.ts';
import type { SourceReport } from './report.ts';
import { missingTable, routeColumns, tableName } from './route-columns.ts';
import { readingSession } from './session.ts';
import { readTable } from './table-catalog.ts';
import { TableWriter, type WriterContext } from './table-writer.ts';
import type { Tuple } from './tuple.ts';
import type { XidLog } from './xid-log.ts';

/** The first chunk is small, to learn how wide the rows are; a chunk aims at no more than so many bytes. */
const firstChunkRows = 1_000;
const chunkBytesAim = 8_000_000;

export interface LoadParts {
  readonly database: pg.ClientConfig;
  readonly context: WriterContext;
  readonly coverage: Coverage;
  readonly streamed: XidLog;
  readonly report: SourceReport;
  readonly log: Logger;
}

interface Mark {
  readonly id: string;
  readonly reached: (writeRows: (write: RowsWriter) => void) => void;
  readonly lost: () => void;
}

/**
 * The initial load, by DBLog's watermarks (P11): a chunk is read between two marks that travel through the stream;
 * rows with an event between them are left to those events; the others are written at the high mark, as if they had
 * been changed there. The high mark of a chunk is the low mark of the next.
 */
export class InitialLoad implements StreamObserver {
  readonly #parts: LoadParts;
  /** Marks of another run, which the server may send again, are not ours. */
  readonly #run = randomUUID();
  #marks = 0;
  #mark: Mark | null = null;
  #window: ChunkWindow | null = null;

  constructor(parts: LoadParts) {
    this.#parts = parts;
    this.#reportLoad();
  }

  touched(writer: TableWriter, row: Tuple): void {
    this.#window?.touched(writer, row);
  }

  truncated(route: TableRoute): void {
    this.#window?.truncated(route);
  }

  marked(content: string, writeRows: (write: RowsWriter) => void): void {
    if (this.#mark?.id === content) this.#mark.reached(writeRows);
  }

  /** Loads what is not loaded yet, in order of dependency, and resolves when all of it is gathered. */
  async run(signal: AbortSignal): Promise<void> {
    const { coverage, log, context } = this.#parts;
    const routes = context.settings.routes.toSorted((a, b) => a.loadOrder - b.loadOrder);
    // A table that is routed later is loaded then.
    if (coverage.loadCompleteAt !== null && routes.every((route) => this.#loadOf(tableName(route)).done)) return;
    const client = new pg.Client(readingSession(this.#parts.database, 'concord source load'));
    client.on('error', () => {});
    client.once('end', () => this.#mark?.lost());
    const stop = (): void => void client.end().catch(() => {});
    signal.addEventListener('abort', stop, { once: true });
    try {
      await client.connect();
      for (const route of routes) await this.#loadTable(client, route, signal);
      await this.#passMark(client, (writeRows) => {
        writeRows((_batch, stamp, ordinal) => {
          coverage.loadCompleteAt ??= { generation: stamp.generation, lsn: stamp.lsn, ordinal };
        });
      });
      log.info(
        { load: coverage.load },
        'The initial load is complete: every table has been read once and is followed from here.',
      );
    } catch (error) {
      if (!signal.aborted) throw databaseFault(error);
    } finally {
      signal.removeEventListener('abort', stop);
      await client.end().catch(() => {});
    }
  }

  async #loadTable(client: pg.Client, route: TableRoute, signal: AbortSignal): Promise<void> {
    const { context, streamed, log } = this.#parts;
    const name = tableName(route);
    if (this.#loadOf(name).done) return;
    const table = await readTable(client, route.schema, route.table);
    if (table === null) throw missingTable(route);
    const columns = routeColumns(route);
    const reader = new ChunkReader(client, { table, columns, primaryKey: route.primaryKey });
    const writer = new TableWriter(route, columns, context);
    this.#setLoad(name, { ...this.#loadOf(name), estimate: table.estimate });
    await this.#passMark(client, () => this.#openWindow(name));
    let limit = Math.min(firstChunkRows, context.settings.limits.chunkRows);
    while (!this.#loadOf(name).done && !signal.aborted) {
      const rows = await reader.read(
        this.#loadOf(name).after,
        limit,
        (snapshot) => streamed.invisibleIn(snapshot) === null,
        signal,
      );
      if (rows.count === 0) {
        // Nothing to write at a mark: what appears from here on is in the stream.
        this.#setLoad(name, { ...this.#loadOf(name), done: true });
        break;
      }
      await this.#passMark(client, (writeRows) => {
        this.#writeChunk(writer, rows, rows.count < limit, writeRows);
        this.#openWindow(name);
      });
      limit = nextLimit(rows, context.settings.limits.chunkRows);
    }
    this.#window = null;
    log.info({ table: name, rows: this.#loadOf(name).rows }, `The table ${name} is loaded.`);
  }

  #openWindow(name: string): void {
    this.#window = new ChunkWindow(name);
  }

  #writeChunk(writer: TableWriter, rows: ChunkRows, last: boolean, writeRows: (write: RowsWriter) => void): void {
    const window = this.#window;
    if (window === null || window.void) return;
    const name = tableName(writer.route);
    writeRows((batch, stamp, ordinal) => {
      let written = 0;
      rows.forEach((row) => {
        if (window.has(writer, row)) return;
        writer.write(batch, 'read', stamp, ordinal, row);
        written += 1;
      });
      // In the same breath as the rows: whatever progress record covers them says that the chunk is finished.
      const load = this.#loadOf(name);
      this.#setLoad(name, { ...load, after: rows.lastKey, rows: load.rows + written, done: last });
    });
  }

  /** Emits a mark and resolves once the stream has delivered it and `reached` was called. */
  async #passMark(client: pg.Client, reached: (writeRows: (write: RowsWriter) => void) => void): Promise<void> {
    this.#marks += 1;
    const id = `${this.#run}/${this.#marks}`;
    const passed = new Promise<void>((resolve, reject) => {
      this.#mark = {
        id,
        reached: (writeRows) => {
          this.#mark = null;
          reached(writeRows);
          resolve();
        },
        lost: () => reject(new Error('the connection was terminated')),
      };
    });
    passed.catch(() => {});
    await client.query('SELECT pg_logical_emit_message(true, $1, $2)', [messagePrefix, id]);
    await passed;
  }

  #loadOf(name: string): TableLoad {
    return this.#parts.coverage.load[name] ?? untouchedTable;
  }

  #setLoad(name: string, load: TableLoad): void {
    const { coverage } = this.#parts;
    coverage.load = { ...coverage.load, [name]: load };
    this.#reportLoad();
  }

  #reportLoad(): void {
    const { report, coverage } = this.#parts;
    report.load = Object.fromEntries(
      Object.entries(coverage.load).map(([name, { rows, estimate, done }]) => [name, { rows, estimate, done }]),
    );
  }
}

function nextLimit(rows: ChunkRows, limitMax: number): number {
  const aimed = Math.floor((chunkBytesAim * rows.count) / rows.bytes);
  return Math.max(1, Math.min(limitMax, aimed, rows.count * 10));
}
