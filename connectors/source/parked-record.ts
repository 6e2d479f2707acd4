/** What stands on the parked topic: a message of pgoutput as it came, and where it stands in the source's history. */
export interface ParkedRecord {
  /** A RELATION message: the shape of the changes of the table that follow it. */
  readonly isRelation: boolean;
  readonly generation: number;
  readonly lsn: number;
  readonly ordinal: number;
  readonly xid: number;
  /** Epoch microseconds. */
  readonly committedAt: number;
  /** From the message's kind on. */
  readonly message: Buffer;
}

/**
 * The value of a record:
 *
 *   version:1 kind:1 ('R' shape, 'C' change) generation:4 lsn:8 ordinal:4 xid:8 committedAt:8 message
 */
export const parkedHeaderBytes = 34;
const version = 1;
const relationKind = 0x52;
const changeKind = 0x43;

/** Writes the value at `at`; returns the offset after it. `message` is the part of `from` that begins at `messageAt`. */
export function writeParked(
  out: Buffer,
  at: number,
  header: Omit<ParkedRecord, 'message'>,
  from: Buffer,
  messageAt: number,
): number {
  out[at] = version;
  out[at + 1] = header.isRelation ? relationKind : changeKind;
  out.writeInt32BE(header.generation, at + 2);
  out.writeBigInt64BE(BigInt(header.lsn), at + 6);
  out.writeInt32BE(header.ordinal, at + 14);
  out.writeBigInt64BE(BigInt(header.xid), at + 18);
  out.writeBigInt64BE(BigInt(header.committedAt), at + 26);
  return at + parkedHeaderBytes + from.copy(out, at + parkedHeaderBytes, messageAt);
}

/** The message is a view into `value`. Throws a RangeError on what is no parked record. */
export function readParked(value: Buffer): ParkedRecord {
  const kind = value[1];
  if (value.length <= parkedHeaderBytes || value[0] !== version || (kind !== relationKind && kind !== changeKind)) {
    throw new RangeError('this is no parked change');
  }
  return {
    isRelation: kind === relationKind,
    generation: value.readInt32BE(2),
    lsn: Number(value.readBigInt64BE(6)),
    ordinal: value.readInt32BE(14),
    xid: Number(value.readBigInt64BE(18)),
    committedAt: Number(value.readBigInt64BE(26)),
    message: value.subarray(parkedHeaderBytes),
  };
}
