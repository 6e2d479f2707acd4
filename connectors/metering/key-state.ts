import type { DecodedEvent } from '../../avro/envelope.ts';
import { comparePositions, type Position } from '../../avro/position.ts';
import type { EntityTable } from './entities.ts';
import type { RowPlace } from './row-place.ts';
import type {
  Ending,
  HeldEvent,
  Items,
  OpenRejection,
  PastVersion,
  Received,
  StoredVersion,
  Version,
} from './versions.ts';

/** What irregular keys have besides an accepted version. Most keys have none of it. */
export interface Trouble {
  readonly laneKey: string;
  readonly entity: string;
  readonly key: string;
  readonly last: Received;
  /** See `KeyState.kept`. */
  readonly kept: Position | null;
  readonly rejections: readonly OpenRejection[];
  readonly held: readonly HeldEvent[];
}

/**
 * One key of one table while a batch is judged: what the store has of it, and what it will have.
 *
 * The invariant of the store: a key has open rejections or held events exactly when `last` is not null, that is,
 * when the last event received for it is not the accepted one.
 */
export class KeyState {
  readonly table: EntityTable;
  /** The entity key of the protocol (P1). */
  readonly key: string;
  readonly laneKey: string;
  /** In the store when the batch began. */
  readonly stored: StoredVersion | null;
  /** Where that row lies; null for what is not read anew for each batch. */
  readonly place: RowPlace | null;
  readonly hadTrouble: boolean;
  accepted: StoredVersion | null;
  /** The same object as `accepted` where this batch made it. */
  made: Version | null = null;
  /** What ended `stored`. */
  ending: Ending | null = null;
  last: Received | null;
  /**
   * The version that what was refused has not replaced: of the accepted one, or of one that was, and that no event has ended.
   * Whoever has deleted that from the store is found out by it.
   */
  kept: Position | null;
  rejections: readonly OpenRejection[];
  held: readonly HeldEvent[];
  /** Of a metering point: see timeline.ts. */
  timeline: string | null;
  readonly storedTimeline: string | null;
  touched = false;
  troubleTouched = false;

  constructor(
    table: EntityTable,
    laneKey: string,
    key: string,
    stored: StoredVersion | null,
    trouble: Trouble | null,
    timeline: string | null,
    place: RowPlace | null = null,
  ) {
    this.table = table;
    this.laneKey = laneKey;
    this.key = key;
    this.stored = stored;
    this.accepted = stored;
    this.hadTrouble = trouble !== null;
    this.last = trouble?.last ?? null;
    this.kept = stored ?? trouble?.kept ?? null;
    this.rejections = trouble?.rejections ?? none;
    this.held = trouble?.held ?? none;
    this.timeline = timeline;
    this.storedTimeline = timeline;
    this.place = place;
  }

  /** The last received content; null when there is none or it was a delete. */
  previous(): Items | null {
    if (this.last === null) return this.accepted?.items ?? null;
    // A kept event is a superset of its items.
    return this.last.event.recordType === 'delete' ? null : (this.last.event as unknown as Items);
  }

  /** Is the position at or before what was received last for this key? */
  covers(position: Position, event: DecodedEvent): boolean {
    const last: Position | null = this.last ?? this.accepted;
    if (last === null) return false;
    const order = comparePositions(position, last);
    // The halves of a linked delete and create share a position, the delete first.
    if (order === 0 && this.last?.event.recordType === 'delete' && event.recordType === 'create') return false;
    return order <= 0;
  }

  /** Puts a version in place of the accepted one (null for a delete); what was made in this batch goes to history. */
  replace(version: Version | null, ending: Ending, past: PastVersion[]): void {
    if (this.made !== null) past.push({ table: this.table, version: this.made, ending });
    else if (this.stored !== null && this.ending === null) this.ending = ending;
    this.accepted = version;
    this.made = version;
    this.touched = true;
  }
}

const none: readonly never[] = [];
