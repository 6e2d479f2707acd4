import type { ClientBase } from 'pg';
import type { DecodedEvent } from '../../avro/envelope.ts';
import type { LaneDomain, LaneEvent, LaneMoment, Outcome, OutcomeDelta, Unit } from '../sink/contract.ts';
import { foldReceipt, readReceipts, receiptKey, receiptOf, writeReceipts } from './inbox-receipts.ts';
import { foldRejection, readRejections, rejectionKey, rejectionOf, writeRejections } from './inbox-rejections.ts';

/** How one kind of event is taken into its table: read what is there, fold event after event, write what changed. */
interface Shelf<Row> {
  rowOf(event: DecodedEvent): Row | null;
  keyOf(row: Row): string;
  fold(current: Row | undefined, incoming: Row): Row | null;
  read(client: ClientBase, wanted: readonly Row[]): Promise<readonly Row[]>;
  write(client: ClientBase, rows: readonly Row[]): Promise<void>;
}

const rejections = {
  rowOf: rejectionOf,
  keyOf: rejectionKey,
  fold: foldRejection,
  read: readRejections,
  write: writeRejections,
};
const receipts = { rowOf: receiptOf, keyOf: receiptKey, fold: foldReceipt, read: readReceipts, write: writeReceipts };

/** Flow 3 and the receipts of flows 1 and 2, as the registration side keeps them: tables of `inboxTables`. */
export function createInboxDomain(lane: number): LaneDomain {
  const staged: OutcomeDelta[] = [];

  async function take(client: ClientBase, events: readonly LaneEvent[]): Promise<readonly OutcomeDelta[]> {
    const counted = lane === 0 ? events : events.filter(({ event }) => event.recordType !== 'truncate');
    const isRejection = ({ topic }: LaneEvent): boolean => topic.endsWith('.rejection');
    return [
      ...(await shelve(client, rejections, counted.filter(isRejection))),
      ...(await shelve(client, receipts, counted.filter((event) => !isRejection(event)))),
    ];
  }

  return {
    prime: () => Promise.resolve(),
    apply: (client: ClientBase, units: readonly Unit[], _moment: LaneMoment) =>
      take(
        client,
        units.flatMap(({ events }) => events),
      ),
    // Rows do not depend on each other, and the sink commits all slices together: nothing must wait for the last one.
    stage: async (client, events) => {
      staged.push(...(await take(client, events)));
    },
    applyStaged: () => Promise.resolve(staged.splice(0)),
    deadline: () => null,
  };
}

async function shelve<Row>(
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
