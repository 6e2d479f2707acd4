import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { messagePrefix } from './capture.ts';

interface Mark {
  readonly id: string;
  readonly reached: (lsn: number, usable: boolean) => void;
  readonly lost: () => void;
}

/**
 * Places in the stream, between transactions, at which parked changes are told. A logical message outside of any
 * transaction is delivered at its own LSN; no commit record starts within its bytes, so their LSNs are free to be
 * positions: one for each source transaction that is told again.
 */
export class ReleaseMarks {
  /** Marks of another run, which the server may send again, are not ours. */
  readonly #run = randomUUID();
  #marks = 0;
  #mark: Mark | null = null;

  /** The capture tells of every message outside of transactions. */
  readonly reached = (content: string, lsn: number, usable: boolean): void => {
    const mark = this.#mark;
    if (mark === null || content.trimEnd() !== mark.id) return;
    this.#mark = null;
    mark.reached(lsn, usable);
  };

  /** The connection that writes marks is gone. */
  lost(): void {
    this.#mark?.lost();
  }

  /**
   * Writes a mark of `positions` bytes at least, and resolves with what `act` returned when the stream had delivered
   * it; null where nothing can be told there: the rest of a large transaction is still to come.
   */
  async pass<T>(client: pg.Client, positions: number, act: (lsn: number) => T): Promise<T | null> {
    this.#marks += 1;
    const id = `release/${this.#run}/${this.#marks}`;
    const passed = new Promise<T | null>((resolve, reject) => {
      this.#mark = {
        id,
        reached: (lsn, usable) => resolve(usable ? act(lsn) : null),
        lost: () => reject(new Error('the connection was terminated')),
      };
    });
    passed.catch(() => {});
    await client.query('SELECT pg_logical_emit_message(false, $1, $2)', [messagePrefix, id.padEnd(positions)]);
    // A message outside of transactions is not flushed by itself; a commit after it is.
    await client.query(`SELECT pg_logical_emit_message(true, $1, 'flush')`, [messagePrefix]);
    return passed;
  }
}
