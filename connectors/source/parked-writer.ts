import { truncateKey } from '../../avro/envelope.ts';
import type { Batch } from './batch.ts';
import type { TableRoute } from './contract.ts';
import type { ParkedTable } from './parked-tables.ts';
import { type ParkedRecord, parkedHeaderBytes, writeParked } from './parked-record.ts';
import type { Relation } from './pgoutput.ts';
import type { Partition } from './topic-partitions.ts';
import type { TransactionStamp } from './transcoder.ts';
import type { Tuple } from './tuple.ts';

/** A message of pgoutput where it lies: valid until the stream's next one. */
export interface RawMessage {
  readonly buffer: Buffer;
  readonly at: number;
}

/** What was parked since a mark, in memory as well, so that a release can end while changes keep coming. */
export class ParkedTail {
  readonly records: ParkedRecord[] = [];
  readonly #bytesMax: number;
  #bytes = 0;
  /** More came than is kept: it is on the topic only. */
  overflown = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(record: ParkedRecord): void {
    this.#bytes += record.message.length + parkedHeaderBytes;
    if (this.#bytes > this.#bytesMax) {
      this.overflown = true;
      this.records.length = 0;
    }
    if (!this.overflown) this.records.push(record);
  }
}

/** Puts the changes of one relation, raw, on the parked topic: their shape first. */
export class ParkedWriter {
  readonly route: TableRoute;
  readonly #entry: ParkedTable;
  readonly #partition: Partition;
  readonly #relation: Buffer;
  readonly #keyColumns: readonly number[];
  #shapeTold = false;
  readonly #tails: ReadonlyMap<ParkedTable, ParkedTail>;

  /** `message`: the RELATION message, copied. */
  constructor(
    route: TableRoute,
    entry: ParkedTable,
    relation: Relation,
    message: Buffer,
    partition: Partition,
    tails: ReadonlyMap<ParkedTable, ParkedTail>,
  ) {
    this.route = route;
    this.#entry = entry;
    this.#tails = tails;
    this.#partition = partition;
    this.#relation = message;
    entry.relationId = relation.id;
    const primary = route.primaryKey.map((name) => relation.columns.findIndex((column) => column.name === name));
    this.#keyColumns = primary.includes(-1)
      ? relation.columns.flatMap(({ inIdentity }, index) => (inIdentity ? [index] : []))
      : primary;
  }

  /** The shape of what was parked last: a tail that begins here begins with it. */
  tellShape(tail: ParkedTail): void {
    const nowhere = { generation: 0, lsn: 0, ordinal: 0, xid: 0, committedAt: 0 };
    if (this.#shapeTold) tail.add({ ...nowhere, isRelation: true, message: this.#relation });
  }

  /** `row`: what has the key; null for a truncate. */
  write(batch: Batch, stamp: TransactionStamp, ordinal: number, message: RawMessage, row: Tuple | null): void {
    if (!this.#shapeTold) {
      this.#shapeTold = true;
      this.#add(batch, this.#entry.key, { ...stamp, ordinal, isRelation: true }, { buffer: this.#relation, at: 0 });
    }
    const key = row === null ? truncateKey : this.#keyColumns.map((column) => row.text(column) ?? '').join('|');
    this.#add(batch, `${this.#entry.key}|${key}`, { ...stamp, ordinal, isRelation: false }, message);
    this.#entry.changes += 1;
    this.#entry.bytes += message.buffer.length - message.at;
  }

  #add(batch: Batch, key: string, header: Omit<ParkedRecord, 'message'>, { buffer, at }: RawMessage): void {
    const { slab } = batch;
    slab.reserve(parkedHeaderBytes + buffer.length - at);
    const value = slab.cut(writeParked(slab.block, slab.at, header, buffer, at));
    batch.add(this.#partition, Buffer.from(key), value);
    this.#tails.get(this.#entry)?.add({ ...header, message: Buffer.from(buffer.subarray(at)) });
  }
}
