import type { ClientBase } from 'pg';
import type { LaneDomain, LaneEvent, OutcomeDelta, Unit } from '../sink/contract.ts';
import { receiptShelf } from '../sink/receipt-shelf.ts';
import { shelve } from '../sink/shelf.ts';

const receipts = receiptShelf('metering.receipt_inbox');

/** Takes the receipts of flow 3 out of what a lane brings, and keeps them; everything else goes to the domain. */
export function withReceipts(domain: LaneDomain, receiptTopic: string): LaneDomain {
  let staged: OutcomeDelta[] = [];
  const isReceipt = (event: LaneEvent): boolean => event.topic === receiptTopic;

  return {
    prime: (client, events) => domain.prime(client, events),
    apply: async (client, units, moment) => {
      const found = units.flatMap((unit) => unit.events.filter(isReceipt));
      if (found.length === 0) return domain.apply(client, units, moment);
      const others = units.map((unit) => withoutReceipts(unit, isReceipt));
      return [...(await domain.apply(client, others, moment)), ...(await take(client, found))];
    },
    stage: async (client, events) => {
      staged.push(...(await take(client, events.filter(isReceipt))));
      await domain.stage(
        client,
        events.filter((event) => !isReceipt(event)),
      );
    },
    applyStaged: async (client, moment) => {
      const taken = staged;
      staged = [];
      return [...(await domain.applyStaged(client, moment)), ...taken];
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
