/**
 * Where an event stands in the history of its source (protocol P1).
 *
 * LSNs, xids and times (epoch microseconds) are JavaScript numbers: all of them stay far below 2^53
 * (an LSN of 8 PB of WAL, the year 2255), and the decoder asserts it. See docs/decisions/0001-numbers.md.
 */
export interface Position {
  readonly generation: number;
  /** The commit LSN: BEGIN's final LSN. */
  readonly lsn: number;
  /** Counts every row change, truncate and message of the transaction as pgoutput delivers it, from 1. */
  readonly ordinal: number;
}

/** Before everything: what a source or a store that has seen nothing starts from. */
export const beginning: Position = { generation: 1, lsn: 0, ordinal: 0 };

/** Negative when `a` comes first, positive when `b` does, 0 for the same position. */
export function comparePositions(a: Position, b: Position): number {
  if (a.generation !== b.generation) return a.generation - b.generation;
  if (a.lsn !== b.lsn) return a.lsn - b.lsn;
  return a.ordinal - b.ordinal;
}

/** `16/B374D848`, as PostgreSQL prints it. */
export function formatLsn(lsn: number): string {
  const high = Math.floor(lsn / 0x1_0000_0000);
  const low = lsn % 0x1_0000_0000;
  return `${high.toString(16).toUpperCase()}/${low.toString(16).toUpperCase()}`;
}

/** The inverse of `formatLsn`. Throws a RangeError on anything else. */
export function parseLsn(text: string): number {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  const high = match?.[1];
  const low = match?.[2];
  if (high === undefined || low === undefined) throw new RangeError(`not an LSN: ${text}`);
  const lsn = Number.parseInt(high, 16) * 0x1_0000_0000 + Number.parseInt(low, 16);
  if (!Number.isSafeInteger(lsn)) throw new RangeError(`LSN beyond 2^53: ${text}`);
  return lsn;
}
