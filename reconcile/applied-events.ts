import type { DecodedEvent } from '../avro/envelope.ts';
import type { Position } from '../avro/position.ts';
import { eventItems, textsSql } from './canonical.ts';
import type { BothSides, ItemTexts, ItemValues, StoreDetails } from './rows.ts';

/** An event that the store says it has applied. */
export interface WantedEvent {
  /** Where it may be. */
  readonly topics: readonly string[];
  readonly laneKey: string;
  /** Of the entity: the id of an appointment, else the lane key. */
  readonly key: string;
  readonly position: Position;
  readonly committedAt: Date | null;
}

export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** `gone`: its topic does not go back so far any more; `none`: it does, and has no such event. */
export type AppliedEvent =
  | { readonly kind: 'found'; readonly event: DecodedEvent; readonly place: RecordPlace }
  | { readonly kind: 'gone' }
  | { readonly kind: 'none' };

/** Reads events from the topics, one answer for each, a batch at a time. */
export type ReadAppliedEvents = (wanted: readonly WantedEvent[]) => Promise<readonly AppliedEvent[]>;

/** What the event that a version came from says of it. */
export interface Verification {
  readonly kind: 'same' | 'changed' | 'gone';
  /** What differs: the event's value as the registration side's. */
  readonly items: Readonly<Record<string, ItemValues>>;
  readonly place: RecordPlace | null;
}

/** Is each version of the store still what its event said? Nothing else can tell where a newer event was not accepted. */
export async function verifyVersions(
  both: BothSides,
  versions: readonly StoreDetails[],
  read: ReadAppliedEvents,
): Promise<readonly Verification[]> {
  if (versions.length === 0) return [];
  const events = await eventsOf(versions, both.store.table.topics, read);
  const told = await canonicalItems(both, events);
  return versions.map((version, at): Verification => {
    const event = events[at];
    if (event === undefined || event.kind === 'gone') return { kind: 'gone', items: {}, place: null };
    if (event.kind === 'none') return { kind: 'changed', items: {}, place: null };
    const items = differing(both, event.event, told.get(at) ?? [], version.items);
    const isChanged = Object.keys(items).length > 0;
    // Of what it left out it says nothing.
    const isWhole = event.event.unchanged.length === 0;
    return { kind: isChanged ? 'changed' : isWhole ? 'same' : 'gone', items, place: event.place };
  });
}

async function eventsOf(
  versions: readonly StoreDetails[],
  topics: readonly string[],
  read: ReadAppliedEvents,
): Promise<readonly AppliedEvent[]> {
  const wanted = versions.map(({ key, lane_key: laneKey, generation, lsn, ordinal, committed_at: committedAt }) =>
    generation === null || lsn === null || ordinal === null
      ? null
      : { topics, laneKey, key, position: { generation, lsn: Number(lsn), ordinal }, committedAt },
  );
  const answers = await read(wanted.filter((one) => one !== null));
  let next = 0;
  return wanted.map((one) => {
    // Somebody has put it there without saying where it came from.
    if (one === null) return { kind: 'none' };
    const answer = answers[next];
    next += 1;
    return answer ?? { kind: 'gone' };
  });
}

/** Texts of the events' items, as those of the versions are made. */
async function canonicalItems(
  { store, storeClient }: BothSides,
  events: readonly AppliedEvent[],
): Promise<ReadonlyMap<number, ItemTexts>> {
  const found = events.flatMap((one, at) => (one.kind === 'found' ? [{ at, event: JSON.stringify(one.event) }] : []));
  const { rows } = await storeClient.query<{ at: number; items: ItemTexts }>(
    `SELECT e.at, ${textsSql(store.table, eventItems('e.event'))} AS items FROM unnest($1::int[], $2::jsonb[]) AS e(at, event)`,
    [found.map(({ at }) => at), found.map(({ event }) => event)],
  );
  return new Map(rows.map(({ at, items }) => [at, items]));
}

function differing(
  { store }: BothSides,
  event: DecodedEvent,
  told: ItemTexts,
  here: ItemTexts,
): Readonly<Record<string, ItemValues>> {
  return Object.fromEntries(
    store.table.items.flatMap(({ name }, at) => {
      if (name in event.invalid || event.unchanged.includes(name)) return [];
      const values = { registration: told[at] ?? null, metering: here[at] ?? null };
      return values.registration === values.metering ? [] : [[name, values] as const];
    }),
  );
}
