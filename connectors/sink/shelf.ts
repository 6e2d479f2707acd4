import type { ClientBase } from 'pg';
import type { DecodedEvent } from '../../avro/envelope.ts';
import type { LaneEvent, Outcome, OutcomeDelta } from './contract.ts';

/** How one kind of event is taken into an inbox table: read what is there, fold event after event, write what changed. */
export interface Shelf<Row> {
  rowOf(event: DecodedEvent): Row | null;
  keyOf(row: Row): string;
  /** Null when nothing changes. */
  fold(current: Row | undefined, incoming: Row): Row | null;
  read(client: ClientBase, wanted: readonly Row[]): Promise<readonly Row[]>;
  write(client: ClientBase, rows: readonly Row[]): Promise<void>;
}

/** Takes events of one topic into their table: one query and one statement, however many they are. */
export async function shelve<Row>(
  client: ClientBase,
  shelf: Shelf<Row>,
  events: readonly LaneEvent[],
): Promise<readonly OutcomeDelta[]> {
  const topic = events[0]?.topic;
  if (topic === undefined) return [];
  const rows = events.map(({ event }) => (removes(event) ? 'kept' : shelf.rowOf(event)));
  const wanted = new Map<string, Row>();
  for (const row of rows) if (row !== 'kept' && row !== null) wanted.set(shelf.keyOf(row), row);
  const current = new Map<string, Row>();
  if (wanted.size > 0) {
    for (const row of await shelf.read(client, [...wanted.values()])) current.set(shelf.keyOf(row), row);
  }
  const changed = new Map<string, Row>();
  const counts = new Map<Outcome, number>();
  for (const row of rows) {
    let outcome: Outcome = 'unchanged';
    if (row === null) outcome = 'not-ours';
    else if (row !== 'kept') {
      const key = shelf.keyOf(row);
      const next = shelf.fold(current.get(key), row);
      if (next !== null) {
        current.set(key, next);
        changed.set(key, next);
        outcome = 'applied';
      }
    }
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  if (changed.size > 0) await shelf.write(client, [...changed.values()]);
  return [...counts].map(([outcome, delta]) => ({ topic, outcome, delta }));
}

/** The outbox may be cleared; the inbox keeps what it was told. */
function removes({ recordType }: DecodedEvent): boolean {
  return recordType === 'delete' || recordType === 'truncate';
}
