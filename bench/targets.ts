/** What was set out to be reached, as how many times better than the peer in the same run. */
export const targets: readonly { readonly id: string; readonly title: string; readonly atLeast: number }[] = [
  { id: 'table-to-store', title: 'table → store', atLeast: 3 },
  { id: 'snapshot-to-topic', title: 'table → topic', atLeast: 3 },
  { id: 'topic-to-store', title: 'topic → store', atLeast: 2.5 },
  { id: 'drain-100-to-store', title: 'drain to the store, transactions of 100', atLeast: 2.5 },
  { id: 'drain-100-to-topic', title: 'drain to the topic, transactions of 100', atLeast: 2.5 },
  { id: 'drain-1-to-store', title: 'drain to the store, transactions of 1', atLeast: 2.5 },
  { id: 'drain-1-to-topic', title: 'drain to the topic, transactions of 1', atLeast: 2.5 },
  { id: 'latency-p50', title: 'latency p50', atLeast: 3 },
  { id: 'latency-p99', title: 'latency p99', atLeast: 2 },
  { id: 'cpu-table-to-store', title: 'CPU per event, table → store', atLeast: 4 },
  { id: 'cpu-drain-100-to-store', title: 'CPU per event, drain to the store', atLeast: 4 },
  { id: 'memory-peak', title: 'memory, the peer at its smallest heap that does not slow it', atLeast: 4 },
];

interface Ceiling {
  readonly id: string;
  readonly title: string;
}

const slot = (per: number): Ceiling => ({ id: `ceiling-slot-${per}`, title: 'the slot alone' });
const producer: Ceiling = { id: 'ceiling-producer', title: "the broker's producer test" };
const inserting: Ceiling = { id: 'ceiling-insert', title: 'INSERT … ON CONFLICT, all new' };
const upserting: Ceiling = { id: 'ceiling-upsert', title: 'INSERT … ON CONFLICT, all there' };

/** What each path goes through. A snapshot does not read the slot. */
export const ceilingShares: readonly {
  readonly id: string;
  readonly title: string;
  readonly ceilings: readonly Ceiling[];
}[] = [
  { id: 'snapshot-to-topic', title: 'table → topic', ceilings: [producer] },
  { id: 'topic-to-store', title: 'topic → store', ceilings: [inserting] },
  { id: 'table-to-store', title: 'table → store', ceilings: [producer, inserting] },
  { id: 'drain-100-to-topic', title: 'drain to the topic, transactions of 100', ceilings: [slot(100), producer] },
  {
    id: 'drain-100-to-store',
    title: 'drain to the store, transactions of 100',
    ceilings: [slot(100), producer, upserting],
  },
  { id: 'drain-1-to-topic', title: 'drain to the topic, transactions of 1', ceilings: [slot(1), producer] },
  { id: 'drain-1-to-store', title: 'drain to the store, transactions of 1', ceilings: [slot(1), producer, upserting] },
];
