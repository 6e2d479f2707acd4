import type { Position } from '../../avro/position.ts';
import { type ProgressRecord, watermark } from '../../avro/progress.ts';
import type { ParkedTables } from './parked-tables.ts';
import type { SourceFinding } from './finding.ts';

/** Whether a standby could take over now without a gap. `because`: what stands against it; empty when nothing does. */
export interface FailoverReadiness {
  readonly safe: boolean;
  readonly because: readonly string[];
}

/** What is wrong with the WAL that is kept for the slot: a code of the runbook, and the sentence for people. */
export interface WalProblem {
  readonly code: string;
  readonly text: string;
}

/** How one table of the initial load is doing. `estimate` is the planner's, or null. */
export interface LoadedTable {
  rows: number;
  estimate: number | null;
  done: boolean;
  /** At the rate so far; null where it can not be said. */
  secondsLeft: number | null;
}

/** The snapshot that is being read because somebody asked for it. */
export interface ReadJob {
  readonly id: number;
  readonly table: string;
  readonly rows: number;
  readonly deletes: number;
  readonly estimate: number | null;
  readonly secondsLeft: number | null;
}

/** The current figures of a source, for `status` and the metrics. LSNs and bytes are numbers, times epoch microseconds. */
export interface SourceReport {
  /** Of the last committed progress record. */
  position: Position;
  watermark: number;
  endLsn: number;
  sourceTime: number;
  heartbeatToken: number;
  /** Topic → events, cumulative over the source's life. */
  captured: Readonly<Record<string, number>>;
  /** `topic/partition` → offset after our last record. */
  nextOffsets: Readonly<Record<string, number>>;
  /** When the last Kafka transaction was committed; null before the first. */
  lastCommitAt: number | null;
  /** Since this process opened the source. */
  kafkaTransactions: number;
  records: number;
  bytes: number;
  /** The WAL position that the server has sent us. */
  receivedLsn: number;
  /** Waiting to be sent, or being sent. */
  queueBytes: number;
  paused: boolean;
  /** WAL that the server keeps for our slot; null until it was asked. */
  retainedWalBytes: number | null;
  /** What is left of `max_slot_wal_keep_size`; null where there is no limit. */
  safeWalBytes: number | null;
  /** `reserved`, `extended`, `unreserved` or `lost`, as PostgreSQL says. */
  walStatus: string | null;
  /** Over the last half minute; null before that much is known. */
  walGrowthBytesPerSecond: number | null;
  /** When the slot is given up, by the server or by us, if that goes on; null without a limit or without growth. */
  walExhaustedInSeconds: number | null;
  walProblem: WalProblem | null;
  /** Null until it was asked. */
  failover: FailoverReadiness | null;
  loadComplete: boolean;
  load: Record<string, LoadedTable>;
  /** Null while none is read. */
  job: ReadJob | null;
  /** The last value that was too large for a record, and how many there were since this process opened the source. */
  leftOut: { readonly text: string; readonly count: number; readonly at: number } | null;
  /** Mirrored table, `schema.table` → the columns that are told. */
  mirrored: Readonly<Record<string, readonly string[]>>;
  /** What came up about tables while the source runs, and somebody is to act on. */
  findings: readonly SourceFinding[];
  /** Tables whose changes are parked, `schema.table` each … */
  parked: ParkedTables;
  /** … and those of which the last committed progress record says so. */
  parkedTables: readonly string[];
}

export function newSourceReport(): SourceReport {
  return {
    position: { generation: 1, lsn: 0, ordinal: 0 },
    watermark: 0,
    endLsn: 0,
    sourceTime: 0,
    heartbeatToken: 0,
    captured: {},
    nextOffsets: {},
    lastCommitAt: null,
    kafkaTransactions: 0,
    records: 0,
    bytes: 0,
    receivedLsn: 0,
    queueBytes: 0,
    paused: false,
    retainedWalBytes: null,
    safeWalBytes: null,
    walStatus: null,
    walGrowthBytesPerSecond: null,
    walExhaustedInSeconds: null,
    walProblem: null,
    failover: null,
    loadComplete: false,
    load: {},
    job: null,
    leftOut: null,
    mirrored: {},
    findings: [],
    parked: {},
    parkedTables: [],
  };
}

/** What a committed progress record says. */
export function noteProgress(report: SourceReport, progress: ProgressRecord): void {
  report.position = progress.position;
  report.watermark = watermark(progress);
  report.endLsn = progress.endLsn;
  report.sourceTime = progress.sourceTime;
  report.heartbeatToken = progress.heartbeatToken;
  report.captured = progress.captured;
  report.nextOffsets = progress.nextOffsets;
  report.parkedTables = progress.parkedTables;
  report.loadComplete = progress.loadCompleteAt !== null;
}
