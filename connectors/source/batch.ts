import type { PartitionRecords } from '../../topics/contract.ts';
import type { TableRoute } from './contract.ts';
import { type BlockPool, Slab } from './slab.ts';
import type { Partition } from './topic-partitions.ts';

/** One send call carries so many records … */
const sendRecordsMax = 4_000;
/** … and so many bytes for one partition, which stays below the usual message.max.bytes of a broker. */
const sendPartitionBytesMax = 700_000;

interface OpenRecords {
  readonly topic: string;
  readonly partition: number;
  readonly keys: Buffer[];
  readonly values: (Buffer | null)[];
  bytes: number;
}

export interface LeftOut {
  readonly route: TableRoute;
  readonly column: string;
  readonly bytes: number;
}

/** The records of one Kafka transaction, in order, cut into send calls as they come. */
export class Batch {
  readonly slab: Slab;
  readonly sends: (readonly PartitionRecords[])[] = [];
  /** Records, tombstones and copies included. */
  records = 0;
  /** Values that no record can carry. */
  readonly tooLarge: LeftOut[] = [];
  /** Rows of which an event here does not tell all: their primary keys, each once. */
  readonly again = new Map<TableRoute, Map<string, readonly string[]>>();
  #open: OpenRecords[] = [];
  #bySlot: (OpenRecords | undefined)[] = [];
  #openRecords = 0;

  constructor(pool: BlockPool) {
    this.slab = new Slab(pool);
  }

  get bytes(): number {
    return this.slab.bytes;
  }

  add(partition: Partition, key: Buffer, value: Buffer | null): void {
    let records = this.#bySlot[partition.slot];
    if (records === undefined) {
      records = { topic: partition.topic, partition: partition.partition, keys: [], values: [], bytes: 0 };
      this.#bySlot[partition.slot] = records;
      this.#open.push(records);
    }
    records.keys.push(key);
    records.values.push(value);
    records.bytes += key.length + (value === null ? 0 : value.length) + 16;
    this.records += 1;
    this.#openRecords += 1;
    if (this.#openRecords >= sendRecordsMax || records.bytes >= sendPartitionBytesMax) this.#cut();
  }

  readAgain(route: TableRoute, key: readonly string[]): void {
    const keys = this.again.get(route) ?? new Map<string, readonly string[]>();
    this.again.set(route, keys.set(JSON.stringify(key), key));
  }

  /** No more records come: everything is in `sends`. */
  seal(): void {
    if (this.#openRecords > 0) this.#cut();
  }

  #cut(): void {
    this.sends.push(this.#open);
    this.#open = [];
    this.#bySlot = [];
    this.#openRecords = 0;
  }
}
