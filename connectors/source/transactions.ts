import { monotonicMs } from '../../runtime/clock.ts';
import { Batch } from './batch.ts';
import type { SourceLimits } from './contract.ts';
import type { Coverage, Covered } from './coverage.ts';
import { BlockPool } from './slab.ts';
import { Wakening } from './wakening.ts';

/** Hears how many bytes wait or are gathered, and how many batches are closed and not yet committed. */
export type QueueListener = (bytes: number, closedBatches: number) => void;

/** A closed batch and what its progress record will say. */
export interface GatheredBatch {
  readonly batch: Batch;
  readonly covered: Covered;
}

/**
 * Gathers source transactions into Kafka transactions (P7). While one is being sent the next is gathered, so a busy
 * pipe makes large ones by itself. A lone change goes at once; what follows it within `lingerMs` goes together, because it is
 * transactions that cost, here, at the broker and in every lane (decision 0025). A source transaction that fits in the limits
 * is never split; a larger one is.
 */
export class TransactionGatherer {
  readonly #limits: SourceLimits;
  readonly #coverage: Coverage;
  readonly #pool: BlockPool;
  readonly #queueChanged: QueueListener;
  readonly #wakening = new Wakening();
  readonly #closed: GatheredBatch[] = [];
  batch: Batch;
  #closedBytes = 0;
  /** Closed and not yet released: waiting, or being sent. */
  #unreleased = 0;
  /** There is something in the batch (or beside it) that must not wait for the next event. */
  #due = false;
  #openedAt = 0;
  /** When the last batch was given away to be sent. */
  #givenAt = Number.NEGATIVE_INFINITY;
  #sourceRecords = 0;
  #sourceBytes = 0;

  /** `queueChanged` hears of every closed and every released batch. */
  constructor(limits: SourceLimits, coverage: Coverage, queueChanged: QueueListener) {
    this.#limits = limits;
    this.#coverage = coverage;
    this.#queueChanged = queueChanged;
    this.#pool = new BlockPool(limits.queueBytesMax);
    this.batch = new Batch(this.#pool);
  }

  beginSource(): void {
    this.#sourceRecords = 0;
    this.#sourceBytes = 0;
  }

  /** After each change that was written. True if a new batch was begun: the transaction is large and goes in parts. */
  wroteEvent(recordsBefore: number, bytesBefore: number): boolean {
    const { batch } = this;
    this.#sourceRecords += batch.records - recordsBefore;
    this.#sourceBytes += batch.bytes - bytesBefore;
    if (recordsBefore === 0) {
      this.#openedAt = monotonicMs();
      this.#due = true;
      this.#wakening.wake();
    }
    if (!this.#isLarge() || !this.#isFull()) return false;
    this.#close();
    return true;
  }

  /** At the end of a source transaction. `due`: there is something to tell, even if no event was written. */
  commitSource(due: boolean): void {
    this.#due ||= due;
    if (this.#isFull()) this.#close();
    else if (this.#due) this.#wakening.wake();
    this.#tellQueue();
  }

  /** The next batch to send; null when the signal aborts. */
  async next(signal: AbortSignal): Promise<GatheredBatch | null> {
    while (!signal.aborted) {
      const ready = this.#closed.shift();
      if (ready !== undefined) {
        this.#givenAt = monotonicMs();
        return ready;
      }
      if (!this.#due || !this.#mayClose()) {
        await this.#wakening.sleep(this.#due ? this.#limits.transactionAgeMaxMs : null, signal, () => true);
        continue;
      }
      const earlyMs = this.#givenAt + this.#limits.lingerMs - monotonicMs();
      if (earlyMs > 0) await this.#wakening.sleep(earlyMs, signal, () => this.#closed.length > 0);
      else this.#close();
    }
    return null;
  }

  /** The batch is committed: its memory is used again. */
  release({ batch }: GatheredBatch): void {
    this.#closedBytes -= batch.bytes;
    this.#unreleased -= 1;
    batch.slab.release();
    this.#tellQueue();
  }

  #mayClose(): boolean {
    if (this.#coverage.complete) return true;
    return this.#isLarge() && monotonicMs() - this.#openedAt >= this.#limits.transactionAgeMaxMs;
  }

  #isLarge(): boolean {
    return (
      this.#sourceRecords > this.#limits.transactionEventsMax || this.#sourceBytes > this.#limits.transactionBytesMax
    );
  }

  #isFull(): boolean {
    return (
      this.batch.records >= this.#limits.transactionEventsMax || this.batch.bytes >= this.#limits.transactionBytesMax
    );
  }

  #close(): void {
    const { batch } = this;
    batch.seal();
    this.#closed.push({ batch, covered: this.#coverage.covered() });
    this.#closedBytes += batch.bytes;
    this.#unreleased += 1;
    this.batch = new Batch(this.#pool);
    this.#due = false;
    this.#wakening.wake();
    this.#tellQueue();
  }

  #tellQueue(): void {
    this.#queueChanged(this.#closedBytes + this.batch.bytes, this.#unreleased);
  }
}
