import { partitionName } from '../avro/progress.ts';
import type { NextOffsets, PartitionRecords } from './contract.ts';

/**
 * At which offsets a partition's next records will be, as long as nobody else writes to it: after its last ones and the
 * marker of the transaction that they were in. A forecast, to be verified: what others write to a topic by hand makes it wrong.
 */
export class OffsetForecast {
  readonly #next = new Map<string, number>();
  /** Partitions with records of the transaction that is open: each gets a marker at its end. */
  readonly #written = new Set<string>();

  /** `next`: the offset after the last record that the broker acknowledged. */
  acknowledged(name: string, next: number): void {
    this.#next.set(name, next);
    this.#written.add(name);
  }

  /** The transaction was committed or aborted. */
  ended(): void {
    for (const name of this.#written) this.#next.set(name, (this.#next.get(name) ?? 0) + 1);
    this.#written.clear();
  }

  /** The offsets after these records; null if nothing is known of one of their partitions yet. */
  after(records: readonly PartitionRecords[]): NextOffsets | null {
    const offsets = new Map<string, number>();
    for (const { topic, partition, keys } of records) {
      if (keys.length === 0) continue;
      const name = partitionName(topic, partition);
      const next = this.#next.get(name);
      if (next === undefined) return null;
      offsets.set(name, next + keys.length);
    }
    return offsets;
  }
}
