import { comparePositions } from '../../avro/position.ts';
import { Fault } from '../../runtime/fault.ts';
import type { FetchedRecord } from '../../topics/contract.ts';
import { type ParkedRecord, readParked } from './parked-record.ts';
import type { ParkedTable } from './parked-tables.ts';

/** Shows committed records of the parked topic from an offset (null: the first) up to another, until `take` says no. */
export type ReadParked = (from: number | null, to: number, take: (record: FetchedRecord) => boolean) => Promise<void>;

/** Parked records of one table in order, the shape of the first change first. */
export interface ParkedChunk {
  readonly records: readonly ParkedRecord[];
  readonly transactions: number;
  /** Nothing was left that was parked before the LSN which was asked for. */
  readonly all: boolean;
  /** Where the next chunk begins. */
  readonly next: ParkedTable['next'];
}

/** A source transaction is not cut, so that it is judged as a whole, unless it is so many times larger than a chunk. */
const wholeTransactionChunks = 8;
const chunkBytesMax = 8_000_000;

/** Reads what is parked of a table, chunk by chunk. */
export class ParkedReader {
  readonly #readParked: ReadParked;

  constructor(read: ReadParked) {
    this.#readParked = read;
  }

  /** What was parked before the LSN, about so many changes; `end`: the offset up to which it is committed. */
  async read(entry: ParkedTable, beforeLsn: number, end: number, changesAim: number): Promise<ParkedChunk> {
    const records: ParkedRecord[] = [];
    const state = { changes: 0, bytes: 0, transactions: 0, lsn: 0, all: true, next: entry.next };
    if (entry.next !== null) {
      await this.#readParked(entry.next.relationOffset, end, ({ value }) => {
        if (value !== null) records.push(readParked(Buffer.from(value)));
        return false;
      });
    }
    const take = (fetched: FetchedRecord): boolean => {
      const record = parkedOf(entry, fetched);
      if (record === null || (entry.next === null && comparePositions(record, entry.after) <= 0)) return true;
      if (record.lsn > beforeLsn) return false;
      const begins = record.lsn !== state.lsn;
      const isFull = state.changes >= changesAim || state.bytes >= chunkBytesMax;
      if (isFull && (begins || state.changes >= changesAim * wholeTransactionChunks)) {
        state.all = false;
        return false;
      }
      if (begins) state.transactions += 1;
      state.lsn = record.lsn;
      state.bytes += record.message.length;
      if (!record.isRelation) state.changes += 1;
      const relationOffset = record.isRelation ? fetched.offset : (state.next?.relationOffset ?? fetched.offset);
      state.next = { offset: fetched.offset + 1, relationOffset };
      records.push(record);
      return true;
    };
    await this.#readParked(entry.next?.offset ?? null, end, take);
    // Whatever is parked has its shape before it: a shape that is missing was deleted, with what stood after it.
    if (records[0]?.isRelation === false) throw shapeLost(entry);
    return { records, ...state };
  }
}

function shapeLost({ key }: ParkedTable): Fault {
  return new Fault(
    'gap',
    'RECORDS_LOST',
    `What was parked of ${key} can not be read from its beginning: somebody has deleted records on the parked topic, or they have expired.`,
    { table: key },
  );
}

/** Null for a record of another table. The message is copied: what was fetched is used again. */
function parkedOf(entry: ParkedTable, { key, value }: FetchedRecord): ParkedRecord | null {
  const name = key?.toString('utf8') ?? '';
  if (value === null || (name !== entry.key && !name.startsWith(`${entry.key}|`))) return null;
  return readParked(Buffer.from(value));
}
