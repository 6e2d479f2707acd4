import pg from 'pg';
import { monotonicMs, pause } from '../runtime/clock.ts';
import type { RigRound } from './rig.ts';
import { percentile } from './samples.ts';
import { query } from './servers.ts';
import { untilCount, type Patience } from './waiting.ts';
import { countRows } from './workload.ts';

export interface LatencySettings {
  readonly rows: number;
  readonly seconds: number;
  /** What the changed rows get as their factor, by which they are known. */
  readonly factor: number;
  readonly signal: AbortSignal;
  readonly patience: Patience;
}

export interface MeasuredLatency {
  /** Milliseconds. */
  readonly delays: Readonly<Record<'p50' | 'p95' | 'p99' | 'max', number>>;
  /** All that were made, the warm-up included. */
  readonly changes: number;
}

const changesPerSecond = 500;
/** Changes that go before, and are not counted: the first ones find caches cold. */
const warmUpSeconds = 5;
const connections = 8;

/**
 * Changes single rows at an even rate, each in a transaction of its own, and asks both databases afterwards when each was
 * committed: the source when it wrote it, the store when it could be seen. Both have the machine's clock.
 */
export async function measureLatency(
  round: RigRound,
  { rows, seconds, factor, signal, patience }: LatencySettings,
): Promise<MeasuredLatency> {
  const warmUp = Math.min(warmUpSeconds * changesPerSecond, Math.floor(rows / 4));
  const counted = Math.min(seconds * changesPerSecond, rows - warmUp);
  await changeEvenly(round.sourceUrl, { changes: warmUp, offset: 0, rows, factor: factor + 1, signal });
  await untilAll(round, factor + 1, warmUp, patience);
  await changeEvenly(round.sourceUrl, { changes: counted, offset: warmUp, rows, factor, signal });
  await untilAll(round, factor, counted, patience);
  const [source, store] = await Promise.all([
    moments(round.sourceUrl, 'registration.metering_point', factor),
    moments(round.storeUrl, round.storeTable, factor),
  ]);
  const delays = [...source].map(([mpan, at]) => (store.get(mpan) ?? Number.NaN) - at).toSorted((a, b) => a - b);
  return {
    changes: warmUp + counted,
    delays: {
      p50: percentile(delays, 0.5),
      p95: percentile(delays, 0.95),
      p99: percentile(delays, 0.99),
      max: delays.at(-1) ?? Number.NaN,
    },
  };
}

async function changeEvenly(
  url: string,
  {
    changes,
    offset,
    rows,
    factor,
    signal,
  }: { changes: number; offset: number; rows: number; factor: number; signal: AbortSignal },
): Promise<void> {
  const clients = Array.from(
    { length: connections },
    () => new pg.Client({ connectionString: url, application_name: 'concord bench' }),
  );
  await Promise.all(clients.map((client) => client.connect()));
  try {
    const begun = monotonicMs();
    let next = 0;
    // Each takes the next change when that is due: a slow commit on one does not hold the others up.
    await Promise.all(
      clients.map(async (client) => {
        while (next < changes && !signal.aborted) {
          const mine = next;
          next += 1;
          const dueMs = begun + (mine * 1_000) / changesPerSecond;
          const waitMs = dueMs - monotonicMs();
          if (waitMs > 0) await pause(waitMs, signal);
          await client.query({
            name: 'change',
            text: `UPDATE registration.metering_point SET line_loss_factor = $2::numeric WHERE mpan_core = bench.mpan($1::bigint)`,
            values: [((offset + mine) * 7919) % rows, factor],
          });
        }
      }),
    );
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

async function untilAll(round: RigRound, factor: number, goal: number, patience: Patience): Promise<void> {
  const client = new pg.Client({ connectionString: round.storeUrl, application_name: 'concord bench' });
  await client.connect();
  try {
    await untilCount(() => countRows(client, round.storeTable, `line_loss_factor = ${factor}`), goal, patience);
  } finally {
    await client.end();
  }
}

/** MPAN → epoch milliseconds of the row's commit. */
async function moments(url: string, table: string, factor: number): Promise<ReadonlyMap<string, number>> {
  const rows = await query<{ mpan_core: string; at: number }>(
    url,
    `SELECT mpan_core, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000)::float8 AS at FROM ${table}
     WHERE line_loss_factor = $1::numeric`,
    [factor],
  );
  return new Map(rows.map(({ mpan_core: mpan, at }) => [mpan, at]));
}
