import { beginning, type Position } from '../../avro/position.ts';
import type { Outcome } from './contract.ts';

/** Current figures of a lane, for `status` and the metrics. Mutable; written by the lane only. */
export interface LaneReport {
  /** `waiting`: for progress and reference data to be read. */
  state: 'waiting' | 'running' | 'staging' | 'stopped';
  /** Every change at or below it is applied. */
  position: Position;
  /** Source time of `position`, epoch microseconds; 0 before anything is applied. */
  sourceTime: number;
  bufferedBytes: number;
  pausedPartitions: number;
  /** Records that are on the topics and not applied; control records of transactions count too. */
  lagEvents: number;
  /** Source time of the newest progress record less that of `position`; 0 when nothing waits. */
  lagMs: number;
  appliedEvents: number;
  batches: number;
  lastBatchEvents: number;
  lastBatchMs: number;
  /** Records skipped because their event was there before (leaked from an aborted transaction). */
  duplicates: number;
  deadLetters: number;
}

/** Observed values in buckets: `counts[i]` of them are at most `bounds[i]`; the last count is of larger ones. */
export interface Distribution {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum: number;
  count: number;
}

export interface SinkReport {
  readonly lanes: Map<number, LaneReport>;
  /** Events by topic and outcome, applied by this process since it started. */
  readonly outcomes: Map<string, Map<Outcome, number>>;
  readonly batchMs: Distribution;
  /** From the commit in the source's database to the commit in the store: the oldest event of each batch, but no reads. */
  readonly latencyMs: Distribution;
  /** Source time of the newest progress record, epoch microseconds; 0 before there is one. */
  newestSourceTime: number;
  newestPosition: Position;
  /** Events captured by the source, by topic, as the newest progress record says. */
  captured: Readonly<Record<string, number>>;
  /** Where the source's initial load was complete; null while it runs, and before there is a progress record. */
  loadCompleteAt: Position | null;
}

const boundsMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000];

export function newSinkReport(): SinkReport {
  return {
    lanes: new Map(),
    outcomes: new Map(),
    batchMs: newDistribution(boundsMs),
    latencyMs: newDistribution(boundsMs),
    newestSourceTime: 0,
    newestPosition: beginning,
    captured: {},
    loadCompleteAt: null,
  };
}

export function newLaneReport(): LaneReport {
  return {
    state: 'waiting',
    position: beginning,
    sourceTime: 0,
    bufferedBytes: 0,
    pausedPartitions: 0,
    lagEvents: 0,
    lagMs: 0,
    appliedEvents: 0,
    batches: 0,
    lastBatchEvents: 0,
    lastBatchMs: 0,
    duplicates: 0,
    deadLetters: 0,
  };
}

function newDistribution(bounds: readonly number[]): Distribution {
  return { bounds, counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0, count: 0 };
}

export function observe(distribution: Distribution, value: number): void {
  let index = 0;
  while (index < distribution.bounds.length && value > (distribution.bounds[index] ?? 0)) index += 1;
  distribution.counts[index] = (distribution.counts[index] ?? 0) + 1;
  distribution.sum += value;
  distribution.count += 1;
}
