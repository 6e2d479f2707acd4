import type { EventSource } from '../../../avro/envelope.ts';
import { comparePositions, type Position } from '../../../avro/position.ts';
import type { MirrorRow } from './mirror-table.ts';

/** What one event said of one key. */
export interface MirrorVersion {
  readonly row: MirrorRow;
  readonly source: EventSource;
}

/** One key of a mirrored table while a batch is taken: what the store has of it, and what it will have. */
export class MirrorKey {
  /** As they find the stored row. */
  readonly parts: readonly (string | null)[];
  readonly past: { readonly version: MirrorVersion; readonly ending: EventSource }[] = [];
  /** To be written in place of what is stored. */
  made: MirrorVersion | null = null;
  /** What ended the stored version. */
  ending: EventSource | null = null;
  row: MirrorRow | null;
  #last: Position | null;
  readonly #isStored: boolean;

  constructor(parts: readonly (string | null)[], stored: (Position & { readonly row: MirrorRow }) | null) {
    this.parts = parts;
    this.row = stored?.row ?? null;
    this.#last = stored;
    this.#isStored = stored !== null;
  }

  /** Takes an event; `row` is null for a delete. False when it changes nothing: it is older, or says the same. */
  take(source: EventSource, row: MirrorRow | null): boolean {
    // The halves of a linked delete and create share a position, the delete first: only it leaves no row.
    if (this.row !== null && this.#last !== null && comparePositions(source, this.#last) <= 0) return false;
    if (row === null ? this.row === null : this.row !== null && sameRow(row, this.row)) return false;
    if (this.made !== null) this.past.push({ version: this.made, ending: source });
    else if (this.#isStored && this.ending === null) this.ending = source;
    this.made = row === null ? null : { row, source };
    this.row = row;
    this.#last = source;
    return true;
  }
}

function sameRow(a: MirrorRow, b: MirrorRow): boolean {
  return (
    a.unsent.length === b.unsent.length &&
    a.unsent.every((column) => b.unsent.includes(column)) &&
    a.values.every((value, index) => value === b.values[index])
  );
}
