import type { Position } from '../../avro/position.ts';
import type { ShapeNoteCode } from './shape-judgement.ts';

/** Why a table is parked: what is wrong with its shape, or that somebody paused it. */
export type ParkCode = ShapeNoteCode | 'TABLE_PAUSED';

/** A table whose changes go to the parked topic and not to its own, as the progress record keeps it. */
export interface ParkedTable {
  readonly code: ParkCode;
  readonly text: string;
  readonly fix: string;
  /** Epoch microseconds. */
  readonly at: number;
  /** The last position that was told as usual: everything of the table beyond it is parked. */
  readonly after: Position;
  /** The name in the keys of its records, which stays when the table is mapped under another name. */
  readonly key: string;
  /** The table's oid, as far as the stream has said it. */
  relationId: number | null;
  changes: number;
  bytes: number;
  /** Of `changes`, those that are told already. */
  released: number;
  /** None of its records lies below this offset of the parked topic; absent in what older versions have parked. */
  readonly from?: number;
  /** Where on the parked topic a release goes on, and where the shape stands that holds there; null before it begins. */
  next: { readonly offset: number; readonly relationOffset: number } | null;
}

/** `schema.table` → how it is parked. */
export type ParkedTables = Record<string, ParkedTable>;
