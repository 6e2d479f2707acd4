import type { ClientBase } from 'pg';
import type { LaneDomain, LaneEvent, LaneMoment, OutcomeDelta, Unit } from '../sink/contract.ts';
import { receiptShelf } from '../sink/receipt-shelf.ts';
import { shelve } from '../sink/shelf.ts';
import { foldRejection, readRejections, rejectionKey, rejectionOf, writeRejections } from './inbox-rejections.ts';

const rejections = {
  rowOf: rejectionOf,
  keyOf: rejectionKey,
  fold: foldRejection,
  read: readRejections,
  write: writeRejections,
};
const receipts = receiptShelf('inbox.receipt');

/** Flow 3 and the receipts of flows 1 and 2, as the registration side keeps them: tables of `inboxTables`. */
export function createInboxDomain(lane: number): LaneDomain {
  async function take(client: ClientBase, events: readonly LaneEvent[]): Promise<readonly OutcomeDelta[]> {
    const counted = lane === 0 ? events : events.filter(({ event }) => event.recordType !== 'truncate');
    const isRejection = ({ topic }: LaneEvent): boolean => topic.endsWith('.rejection');
    return [
      ...(await shelve(client, rejections, counted.filter(isRejection))),
      ...(await shelve(
        client,
        receipts,
        counted.filter((event) => !isRejection(event)),
      )),
    ];
  }

  return {
    prime: () => Promise.resolve(),
    apply: (client: ClientBase, units: readonly Unit[], _moment: LaneMoment) =>
      take(
        client,
        units.flatMap(({ events }) => events),
      ),
    applyLarge: async (client, unit) => {
      const deltas = [...(await take(client, unit.leading))];
      for await (const slice of unit.slices()) deltas.push(...(await take(client, slice)));
      return deltas;
    },
    deadline: () => null,
  };
}
