import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { messagePrefix, type RowsWriter, type StreamObserver } from './capture.ts';
import { ChunkWindow } from './chunk-window.ts';
import type { TableRoute } from './contract.ts';
import type { TableWriter } from './table-writer.ts';
import type { Tuple } from './tuple.ts';

type Reached = (writeRows: (write: RowsWriter) => void) => void;

interface Mark {
  readonly id: string;
  readonly reached: Reached;
  readonly lost: () => void;
}

/** Marks that travel through the stream (P11), and the window between the last one and the next. */
export class Watermarks implements StreamObserver {
  /** Marks of another run, which the server may send again, are not ours. */
  readonly #run = randomUUID();
  #marks = 0;
  #mark: Mark | null = null;
  #window: ChunkWindow | null = null;

  get window(): ChunkWindow | null {
    return this.#window;
  }

  /** From here on it is noted which rows of the table have an event. */
  openWindow(table: string): void {
    this.#window = new ChunkWindow(table);
  }

  closeWindow(): void {
    this.#window = null;
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

  /** The connection that emits marks is gone: one that is waited for may never have been written. */
  lost(): void {
    this.#mark?.lost();
  }

  /** Emits a mark and resolves once the stream has delivered it and `reached` was called. */
  async pass(client: pg.Client, reached: Reached): Promise<void> {
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
}
