import type { Registry } from 'prom-client';
import type { Distribution, LaneReport } from '../../connectors/sink/report.ts';
import { nowMicros } from '../../runtime/clock.ts';
import { counterFrom, createMetrics, gaugeFrom } from '../../runtime/metrics.ts';
import { addJudgement, type Judgement } from './judgement-metrics.ts';
import type { Liveness } from './liveness.ts';
import type { Side } from './side.ts';

/**
 * What Prometheus sees of a side. Labels are topics, lanes, outcomes and rule codes: never a key.
 * `judgement`: what the rule book made of the events; null on the side that judges nothing.
 */
export function metricsOf(side: Side, liveness: Liveness, judgement: Judgement | null): Registry {
  const registry = createMetrics(side.name);
  addSource(registry, side);
  addRetainedWal(registry, side);
  addParked(registry, side);
  addSink(registry, side);
  if (judgement !== null) addJudgement(registry, judgement);
  gaugeFrom(registry, 'concord_healthy', 'Whether the end-to-end probe passes (1) or not (0).', [], () => [
    [{}, liveness.problems().length === 0 ? 1 : 0],
  ]);
  gaugeFrom(registry, 'concord_resident_memory_bytes', 'Resident memory of this process.', [], () => [
    [{}, process.memoryUsage.rss()],
  ]);
  counterFrom(registry, 'concord_leg_restarts_total', 'How often a leg was started again after a fault.', ['leg'], () =>
    Object.entries(side.states).map(([leg, state]) => [{ leg }, state.restarts] as const),
  );
  return registry;
}

function addSource(registry: Registry, { source, sourceName }: Side): void {
  const one = (value: number): Iterable<readonly [Record<string, string>, number]> => [[{ source: sourceName }, value]];
  counterFrom(
    registry,
    'concord_source_captured_events_total',
    'Events on the topics since the first day.',
    ['source', 'topic'],
    () => Object.entries(source.captured).map(([topic, events]) => [{ source: sourceName, topic }, events] as const),
  );
  counterFrom(
    registry,
    'concord_source_bytes_total',
    'Bytes of records published since the process started.',
    ['source'],
    () => one(source.bytes),
  );
  counterFrom(
    registry,
    'concord_source_kafka_transactions_total',
    'Kafka transactions committed since the process started.',
    ['source'],
    () => one(source.kafkaTransactions),
  );
  gaugeFrom(registry, 'concord_source_queue_bytes', 'Bytes of records that wait to be published.', ['source'], () =>
    one(source.queueBytes),
  );
  gaugeFrom(
    registry,
    'concord_source_lag_seconds',
    'Age of the newest change that is on the topics.',
    ['source'],
    () => (source.sourceTime === 0 ? [] : one(Math.max(0, (nowMicros() - source.sourceTime) / 1e6))),
  );
  gaugeFrom(registry, 'concord_source_load_complete', 'Whether the initial load is complete.', ['source'], () =>
    one(source.loadComplete ? 1 : 0),
  );
}

/** By the name of the table: what is parked waits for somebody. */
function addParked(registry: Registry, { source, sourceName }: Side): void {
  gaugeFrom(
    registry,
    'concord_source_parked_changes',
    'Changes of a parked or paused table that wait on the parked topic; absent for a table that is told as usual.',
    ['source', 'table', 'code'],
    () =>
      Object.entries(source.parked).map(
        ([table, { code, changes, released }]) => [{ source: sourceName, table, code }, changes - released] as const,
      ),
  );
  gaugeFrom(
    registry,
    'concord_source_parked_seconds',
    'For how long a table is parked or paused.',
    ['source', 'table', 'code'],
    () =>
      Object.entries(source.parked).map(
        ([table, { code, at }]) => [{ source: sourceName, table, code }, (nowMicros() - at) / 1e6] as const,
      ),
  );
}

function addRetainedWal(registry: Registry, { source, sourceName }: Side): void {
  const some = (value: number | null): Iterable<readonly [Record<string, string>, number]> =>
    value === null ? [] : [[{ source: sourceName }, value]];
  gaugeFrom(registry, 'concord_source_retained_wal_bytes', 'WAL that the server keeps for our slot.', ['source'], () =>
    some(source.retainedWalBytes),
  );
  gaugeFrom(
    registry,
    'concord_source_retained_wal_growth_bytes_per_second',
    'How fast the WAL that is kept for our slot grows; negative while it shrinks.',
    ['source'],
    () => some(source.walGrowthBytesPerSecond),
  );
  gaugeFrom(
    registry,
    'concord_source_safe_wal_bytes',
    'WAL that may still be written before max_slot_wal_keep_size invalidates the slot; absent without that limit.',
    ['source'],
    () => some(source.safeWalBytes),
  );
  gaugeFrom(
    registry,
    'concord_source_wal_exhausted_in_seconds',
    'When the slot is given up, by the server or by retainedWalMaxBytes, if the growth goes on; absent without a limit or without growth.',
    ['source'],
    () => some(source.walExhaustedInSeconds),
  );
  gaugeFrom(
    registry,
    'concord_source_slot_wal_status',
    "Always 1: the state of the slot's WAL is the label `status`, which is reserved, extended, unreserved or lost.",
    ['source', 'status'],
    () => (source.walStatus === null ? [] : [[{ source: sourceName, status: source.walStatus }, 1]]),
  );
  gaugeFrom(
    registry,
    'concord_source_slot_given_up',
    'Whether the slot was given up as the last resort and is not healed yet: 1 or 0.',
    ['source'],
    () => some(Number(source.walProblem?.code === 'SLOT_GIVEN_UP')),
  );
  gaugeFrom(
    registry,
    'concord_source_failover_safe',
    'Whether a standby could take over now without a gap: 1 or 0; `concord status` says why not.',
    ['source'],
    () => some(source.failover === null ? null : Number(source.failover.safe)),
  );
}

function addSink(registry: Registry, { sink, readsFrom }: Side): void {
  const perLane = (read: (lane: LaneReport) => number) => () =>
    [...sink.lanes].map(([lane, report]) => [{ source: readsFrom, lane: String(lane) }, read(report)] as const);
  const labels = ['source', 'lane'];
  gaugeFrom(
    registry,
    'concord_sink_lag_events',
    'Records on the topics that are not applied yet.',
    labels,
    perLane((lane) => lane.lagEvents),
  );
  gaugeFrom(
    registry,
    'concord_sink_lag_seconds',
    'Source time of the newest change less that of the last applied one.',
    labels,
    perLane((lane) => lane.lagMs / 1000),
  );
  gaugeFrom(
    registry,
    'concord_sink_buffered_bytes',
    'Bytes of records that wait in the lane.',
    labels,
    perLane((lane) => lane.bufferedBytes),
  );
  counterFrom(
    registry,
    'concord_sink_applied_events_total',
    'Events with an outcome since the process started.',
    labels,
    perLane((lane) => lane.appliedEvents),
  );
  counterFrom(
    registry,
    'concord_sink_batches_total',
    'Store transactions since the process started.',
    labels,
    perLane((lane) => lane.batches),
  );
  counterFrom(
    registry,
    'concord_sink_dead_letters_total',
    'Records that could not be decoded.',
    labels,
    perLane((lane) => lane.deadLetters),
  );
  counterFrom(
    registry,
    'concord_sink_outcomes_total',
    'Events by outcome since the process started.',
    ['source', 'topic', 'outcome'],
    () =>
      [...sink.outcomes].flatMap(([topic, outcomes]) =>
        [...outcomes].map(([outcome, events]) => [{ source: readsFrom, topic, outcome }, Math.max(0, events)] as const),
      ),
  );
  addDistribution(
    registry,
    'concord_sink_batch_milliseconds',
    'Duration of a store transaction.',
    readsFrom,
    sink.batchMs,
  );
  addDistribution(
    registry,
    'concord_sink_latency_milliseconds',
    'From the commit at the source to the commit in the store.',
    readsFrom,
    sink.latencyMs,
  );
}

/** A histogram that is kept in a report: cumulative buckets, sum and count, as Prometheus has them. */
function addDistribution(
  registry: Registry,
  name: string,
  help: string,
  source: string,
  distribution: Distribution,
): void {
  counterFrom(registry, `${name}_bucket`, help, ['source', 'le'], () => {
    let below = 0;
    return distribution.counts.map((count, index) => {
      below += count;
      const bound = distribution.bounds[index];
      return [{ source, le: bound === undefined ? '+Inf' : String(bound) }, below] as const;
    });
  });
  counterFrom(registry, `${name}_sum`, help, ['source'], () => [[{ source }, distribution.sum]]);
  counterFrom(registry, `${name}_count`, help, ['source'], () => [[{ source }, distribution.count]]);
}
