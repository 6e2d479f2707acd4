import { comparePositions, type Position } from '../../avro/position.ts';

/** The order of source transactions: positions without their ordinals. */
export function compareTransactions(a: Position, b: Position): number {
  return a.generation === b.generation ? a.lsn - b.lsn : a.generation - b.generation;
}

/**
 * Tells new events of one partition from those that were there before.
 *
 * Positions of a partition never go back, so what is not above the last one is a copy that leaked from an aborted
 * transaction. Events may share a position (a linked delete and create, the rows of a chunk): then entity key and
 * record type decide (P1).
 */
export class Sequence {
  private last: Position;
  private lastKey: string | null = null;
  private lastRecordType = '';
  /** Made only when a second event of the same position comes. */
  private identities: Set<string> | null = null;

  constructor(last: Position) {
    this.last = last;
  }

  get position(): Position {
    return this.last;
  }

  /** True when the event is new; it is then the last one. */
  admit(position: Position, entityKey: string, recordType: string): boolean {
    const order = comparePositions(position, this.last);
    if (order < 0) return false;
    if (order > 0) {
      this.last = position;
      this.identities = null;
      this.lastKey = entityKey;
      this.lastRecordType = recordType;
      return true;
    }
    // Nothing is known of the events at the position where reading began, but that all of them were taken.
    if (this.lastKey === null) return false;
    this.identities ??= new Set([`${this.lastRecordType}\n${this.lastKey}`]);
    const identity = `${recordType}\n${entityKey}`;
    if (this.identities.has(identity)) return false;
    this.identities.add(identity);
    return true;
  }
}

/** Knowing everything up to here is knowing everything before the transaction at `position`, and nothing of it. */
export function justBefore(position: Position): Position {
  return { generation: position.generation, lsn: position.lsn - 1, ordinal: 0 };
}
