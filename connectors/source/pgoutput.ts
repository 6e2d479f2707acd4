import { isNull, isUnchanged, Tuple } from './tuple.ts';

/**
 * The messages of pgoutput, protocol version 1, with logical decoding messages and text values:
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 *
 *   B finalLsn:8 committedAt:8 xid:4            C flags:1 commitLsn:8 endLsn:8 committedAt:8
 *   R id:4 schema\0 table\0 identity:1 n:2 { flags:1 name\0 type:4 modifier:4 }*
 *   I id:4 'N' tuple     U id:4 [K|O tuple] 'N' tuple     D id:4 K|O tuple
 *   T n:4 flags:1 { id:4 }*                     M flags:1 lsn:8 prefix\0 length:4 content
 *   tuple = n:2 { 'n' | 'u' | 't' length:4 bytes }*
 */
export interface RelationColumn {
  readonly name: string;
  readonly inIdentity: boolean;
  readonly typeOid: number;
  readonly typeModifier: number;
}

export interface Relation {
  readonly id: number;
  readonly schema: string;
  readonly table: string;
  /** d default, n nothing, f full, i index. */
  readonly replicaIdentity: string;
  readonly columns: readonly RelationColumn[];
}

/** Tuples are reused from message to message: what must stay is copied inside the call. Times are epoch microseconds. */
export interface PgoutputListener {
  /** Before each message: where it lies, to the end of the buffer. */
  received(buffer: Buffer, at: number): void;
  begin(commitLsn: number, committedAt: number, xid: number): void;
  commit(commitLsn: number, endLsn: number): void;
  relation(relation: Relation): void;
  insert(relationId: number, row: Tuple): void;
  /** `old` is there if the replica identity changed (its columns only) or is FULL (`oldIsFull`). */
  update(relationId: number, row: Tuple, old: Tuple | null, oldIsFull: boolean): void;
  delete(relationId: number, old: Tuple): void;
  truncate(relationIds: readonly number[]): void;
  message(transactional: boolean, lsn: number, prefix: string, content: Buffer): void;
}

/** Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's clock starts. */
export const postgresEpochMicros = 946_684_800_000_000;

const kinds = { B: 0x42, C: 0x43, D: 0x44, I: 0x49, K: 0x4b, M: 0x4d, O: 0x4f, R: 0x52, T: 0x54, U: 0x55, Y: 0x59 };

export class PgoutputParser {
  readonly #listener: PgoutputListener;
  readonly #row = new Tuple();
  readonly #old = new Tuple();

  constructor(listener: PgoutputListener) {
    this.#listener = listener;
  }

  /** One message, from `at` to the end of the buffer. Throws a RangeError on what the protocol does not know. */
  parse(buffer: Buffer, at: number): void {
    const kind = buffer[at] ?? 0;
    this.#listener.received(buffer, at);
    switch (kind) {
      case kinds.I:
        readTuple(buffer, at + 6, this.#row);
        this.#listener.insert(buffer.readUInt32BE(at + 1), this.#row);
        return;
      case kinds.U:
        this.#update(buffer, at);
        return;
      case kinds.D:
        readTuple(buffer, at + 6, this.#old);
        this.#listener.delete(buffer.readUInt32BE(at + 1), this.#old);
        return;
      case kinds.B:
        this.#listener.begin(
          readLsn(buffer, at + 1),
          postgresEpochMicros + readInt64(buffer, at + 9),
          buffer.readUInt32BE(at + 17),
        );
        return;
      case kinds.C:
        this.#listener.commit(readLsn(buffer, at + 2), readLsn(buffer, at + 10));
        return;
      case kinds.R:
        this.#listener.relation(readRelation(buffer, at));
        return;
      case kinds.T:
        this.#listener.truncate(readTruncated(buffer, at));
        return;
      case kinds.M:
        this.#message(buffer, at);
        return;
      case kinds.O:
      case kinds.Y:
        // Origins and type names say nothing that an event carries; they are not counted by the ordinal.
        return;
      default:
        throw new RangeError(`pgoutput message of unknown kind ${String(kind)}`);
    }
  }

  #update(buffer: Buffer, at: number): void {
    const marker = buffer[at + 5];
    const hasOld = marker === kinds.K || marker === kinds.O;
    const rowAt = hasOld ? readTuple(buffer, at + 6, this.#old) + 1 : at + 6;
    readTuple(buffer, rowAt, this.#row);
    this.#listener.update(buffer.readUInt32BE(at + 1), this.#row, hasOld ? this.#old : null, marker === kinds.O);
  }

  #message(buffer: Buffer, at: number): void {
    const prefixEnd = buffer.indexOf(0, at + 10);
    const prefix = buffer.toString('utf8', at + 10, prefixEnd);
    const length = buffer.readUInt32BE(prefixEnd + 1);
    const content = buffer.subarray(prefixEnd + 5, prefixEnd + 5 + length);
    this.#listener.message(buffer[at + 1] === 1, readLsn(buffer, at + 2), prefix, content);
  }
}

/** Fills the tuple from the count at `at`; returns the offset after it. */
function readTuple(buffer: Buffer, at: number, tuple: Tuple): number {
  const count = ((buffer[at] ?? 0) << 8) | (buffer[at + 1] ?? 0);
  tuple.reset(buffer, count);
  const { starts, lengths } = tuple;
  let cursor = at + 2;
  for (let column = 0; column < count; column += 1) {
    const kind = buffer[cursor];
    cursor += 1;
    if (kind === 0x74) {
      const length =
        ((buffer[cursor] ?? 0) << 24) |
        ((buffer[cursor + 1] ?? 0) << 16) |
        ((buffer[cursor + 2] ?? 0) << 8) |
        (buffer[cursor + 3] ?? 0);
      starts[column] = cursor + 4;
      lengths[column] = length;
      cursor += 4 + length;
    } else if (kind === 0x6e) {
      lengths[column] = isNull;
    } else if (kind === 0x75) {
      lengths[column] = isUnchanged;
    } else {
      throw new RangeError(`pgoutput column of unknown kind ${String(kind)}`);
    }
  }
  return cursor;
}

/** A RELATION message, from its kind on. */
export function readRelation(buffer: Buffer, at: number): Relation {
  const schemaEnd = buffer.indexOf(0, at + 5);
  const tableEnd = buffer.indexOf(0, schemaEnd + 1);
  const count = buffer.readUInt16BE(tableEnd + 2);
  const columns: RelationColumn[] = [];
  let cursor = tableEnd + 4;
  for (let index = 0; index < count; index += 1) {
    const nameEnd = buffer.indexOf(0, cursor + 1);
    columns.push({
      name: buffer.toString('utf8', cursor + 1, nameEnd),
      inIdentity: buffer[cursor] === 1,
      typeOid: buffer.readUInt32BE(nameEnd + 1),
      typeModifier: buffer.readInt32BE(nameEnd + 5),
    });
    cursor = nameEnd + 9;
  }
  return {
    id: buffer.readUInt32BE(at + 1),
    // An empty schema name stands for pg_catalog.
    schema: buffer.toString('utf8', at + 5, schemaEnd) || 'pg_catalog',
    table: buffer.toString('utf8', schemaEnd + 1, tableEnd),
    replicaIdentity: String.fromCharCode(buffer[tableEnd + 1] ?? 0),
    columns,
  };
}

function readTruncated(buffer: Buffer, at: number): readonly number[] {
  const count = buffer.readUInt32BE(at + 1);
  return Array.from({ length: count }, (_, index) => buffer.readUInt32BE(at + 6 + index * 4));
}

/** An LSN as a number; LSNs beyond 2^53 do not occur and are refused. */
export function readLsn(buffer: Buffer, at: number): number {
  const lsn = buffer.readUInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
  if (!Number.isSafeInteger(lsn)) throw new RangeError('LSN beyond 2^53');
  return lsn;
}

function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}
