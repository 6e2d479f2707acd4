import type { ClientBase } from 'pg';
import type { LaneDomain, LaneEvent, OutcomeDelta, Unit } from '../sink/contract.ts';
import { receiptShelf } from '../sink/receipt-shelf.ts';
import { shelve } from '../sink/shelf.ts';

const receipts = receiptShelf('metering.receipt_inbox');

/** Takes the receipts of flow 3 out of what a lane brings, and keeps them; everything else goes to the domain. */
export function withReceipts(domain: LaneDomain, receiptTopic: string): LaneDomain {
  const isReceipt = (event: LaneEvent): boolean => event.topic === receiptTopic;

  return {
    prime: (client, events) => domain.prime(client, events),
    apply: async (client, units, moment) => {
      const found = units.flatMap((unit) => unit.events.filter(isReceipt));
      if (found.length === 0) return domain.apply(client, units, moment);
      const others = units.map((unit) => withoutReceipts(unit, isReceipt));
      return [...(await domain.apply(client, others, moment)), ...(await take(client, found))];
    },
    applyLarge: async (client, unit, moment) => {
      const taken: OutcomeDelta[] = [];
      const slices = async function* (): AsyncGenerator<readonly LaneEvent[]> {
        for await (const slice of unit.slices()) {
          taken.push(...(await take(client, slice.filter(isReceipt))));
          yield slice.filter((event) => !isReceipt(event));
        }
      };
      const others = { ...unit, slices };
      return [...(await domain.applyLarge(client, others, moment)), ...taken];
    },
    deadline: () => domain.deadline(),
  };
}

function take(client: ClientBase, events: readonly LaneEvent[]): Promise<readonly OutcomeDelta[]> {
  return shelve(client, receipts, events);
}

function withoutReceipts(unit: Unit, isReceipt: (event: LaneEvent) => boolean): Unit {
  return { ...unit, events: unit.events.filter((event) => !isReceipt(event)) };
}
