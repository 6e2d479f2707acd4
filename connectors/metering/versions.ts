import type { DecodedEvent, Item } from '../../avro/envelope.ts';
import type { Position } from '../../avro/position.ts';
import type { EntityTable } from './entities.ts';
import type { BrokenRule } from './rules/contract.ts';

/** The items of a row by name. An event is one as it is: its envelope's names are no items. */
export type Items = Readonly<Record<string, Item>>;

/** Where a hold let an event go, when that was later than the event's own position (P17). */
export interface Decision {
  readonly position: Position;
  /** Source time of the decision, epoch microseconds. */
  readonly sourceTime: number;
}

/** What one event said of one key, as it is or is to be in the store. Times are epoch microseconds. */
export interface Version extends Position {
  readonly items: Items;
  readonly source: string;
  readonly xid: number;
  readonly committedAt: number;
  readonly sourceTime: number;
  readonly decided: Decision | null;
}

/** The position of the event that ended a version. */
export interface Ending extends Position {
  readonly xid: number;
  /** Source time from which on the version was no longer believed, epoch microseconds. */
  readonly sourceTime: number;
}

/** A version that came and went within one batch: it goes straight to history. */
export interface PastVersion {
  readonly table: EntityTable;
  readonly version: Version;
  readonly ending: Ending;
}

/** The version that is in the store: what is needed of it to judge and to compare. */
export interface StoredVersion extends Position {
  readonly items: Items;
}

/** An event of a table, as it is kept while it waits and as it is judged. */
export interface Received extends Position {
  readonly topic: string;
  readonly event: DecodedEvent;
}

export interface HeldEvent extends Received {
  readonly id: string;
  /** Why it waits. */
  readonly broken: readonly BrokenRule[];
  /** Source time from which on it waits, epoch microseconds. */
  readonly since: number;
  /** Epoch microseconds; null while it waits for the initial load. */
  readonly due: number | null;
  /** What a rejection of it would be: more than 1 when it was rejected before and that was withdrawn (P18). */
  readonly revision: number;
}

export interface OpenRejection extends Position {
  readonly id: string;
  readonly topic: string;
  readonly revision: number;
  readonly recordType: 'error' | 'rejection';
  readonly codes: readonly string[];
  /** The event, whole, where newer reference data may overturn its rejection. */
  readonly event: DecodedEvent | null;
}

/** A version made by an event, with items that the source did not send taken from what was received before. */
export function versionOf(event: DecodedEvent, items: Items, decided: Decision | null): Version {
  const source = event.source;
  return {
    items,
    source: source.name,
    generation: source.generation,
    lsn: source.lsn,
    ordinal: source.ordinal,
    xid: source.xid,
    committedAt: source.committedAt,
    sourceTime: source.sourceTime,
    decided,
  };
}

/** The event's items: itself, or a copy with the unsent items of the last received content. */
export function itemsOf(event: DecodedEvent, previous: Items | null): Items {
  // The event is a superset of its items, and avsc made every one of them an Item.
  const sent = event as unknown as Items;
  // The unmetered flow has no meter id in its schema; to the rule book it is an item that is absent.
  const items = 'appointment_id' in sent && !('meter_id' in sent) ? { ...sent, meter_id: null } : sent;
  if (event.unchanged.length === 0) return items;
  const missing = previous === null ? event.unchanged : unsentItems(previous);
  const copy: Record<string, Item> = {
    ...items,
    unchanged: event.unchanged.filter((name) => missing.includes(name)),
  };
  for (const name of event.unchanged) copy[name] = previous?.[name] ?? null;
  return copy;
}

/** Items whose value the source did not send and nobody here has: their null says nothing. */
export function unsentItems(items: Items): readonly string[] {
  const unsent = items['unchanged'];
  return Array.isArray(unsent) ? (unsent as readonly string[]) : none;
}

const none: readonly string[] = [];

/** The event with the items in it that the source did not send: what is judged again later must not depend on others. */
export function wholeEvent(event: DecodedEvent, items: Items): DecodedEvent {
  return event.unchanged.length === 0 ? event : { ...event, ...items };
}

export function hasInvalid(event: DecodedEvent): boolean {
  for (const _ in event.invalid) return true;
  return false;
}
