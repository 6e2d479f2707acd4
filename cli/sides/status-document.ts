import { formatLsn, type Position } from '../../avro/position.ts';
import type { LaneReport } from '../../connectors/sink/report.ts';
import type { SourceReport } from '../../connectors/source/report.ts';
import type { LegState } from '../../runtime/keep-running.ts';
import type { Liveness } from './liveness.ts';
import type { Side, SideName } from './side.ts';

/** Grows with each change of the document: a command of one version may ask a side of another. */
export const statusForm = 3;

/** What `/status.json` of a process says of it; `concord status` and `concord up` read it. */
export interface SideStatus {
  /** `statusForm` of the version that runs. */
  readonly form: number;
  readonly side: SideName;
  readonly pid: number;
  readonly memoryBytes: number;
  /** Both legs run, the own initial load is on the topics, and that of the other source is applied in every lane. */
  readonly ready: boolean;
  /** One line for who waits for the initial load. */
  readonly text: string;
  readonly healthy: boolean;
  readonly unhealthyBecause: readonly string[];
  /** Since when the side is paused; null if it is not. */
  readonly pausedSince: string | null;
  readonly legs: Readonly<Record<string, LegState>>;
  readonly source: SourceReport & { readonly name: string; readonly lsn: string };
  readonly sink: {
    readonly source: string;
    readonly newestLsn: string;
    readonly captured: Readonly<Record<string, number>>;
    readonly lanes: readonly (LaneReport & { readonly lane: number; readonly lsn: string })[];
    readonly lagEvents: number;
    readonly lagSeconds: number;
  };
}

export function snapshotOf(side: Side, liveness: Liveness): SideStatus {
  const lanes = [...side.sink.lanes].map(([lane, report]) => ({
    lane,
    lsn: formatLsn(report.position.lsn),
    ...report,
  }));
  const because = liveness.problems();
  return {
    form: statusForm,
    side: side.name,
    pid: process.pid,
    memoryBytes: process.memoryUsage.rss(),
    ready: isReady(side),
    text: textOf(side),
    healthy: because.length === 0,
    unhealthyBecause: because,
    pausedSince: side.pausing.since?.toISOString() ?? null,
    legs: side.states,
    source: { ...side.source, name: side.sourceName, lsn: formatLsn(side.source.position.lsn) },
    sink: {
      source: side.readsFrom,
      newestLsn: formatLsn(side.sink.newestPosition.lsn),
      captured: side.sink.captured,
      lanes,
      lagEvents: lanes.reduce((sum, lane) => sum + lane.lagEvents, 0),
      lagSeconds: Math.max(0, ...lanes.map((lane) => lane.lagMs)) / 1000,
    },
  };
}

function isReady(side: Side): boolean {
  // Nothing more is to be waited for until somebody resumes it.
  if (side.pausing.since !== null) return true;
  const { lanes, loadCompleteAt } = side.sink;
  if (Object.values(side.states).some(({ state, problem }) => state !== 'running' || problem !== null)) return false;
  if (!side.source.loadComplete || loadCompleteAt === null || lanes.size === 0) return false;
  return [...lanes.values()].every((lane) => reached(lane.position, loadCompleteAt));
}

function reached(position: Position, wanted: Position): boolean {
  return (
    position.generation > wanted.generation || (position.generation === wanted.generation && position.lsn >= wanted.lsn)
  );
}

function textOf(side: Side): string {
  if (side.pausing.since !== null) return 'paused';
  for (const [leg, { problem }] of Object.entries(side.states)) if (problem !== null) return `${leg}: ${problem.text}`;
  const loading = Object.entries(side.source.load).find(([, table]) => !table.done);
  if (loading !== undefined) {
    const [table, { rows, estimate }] = loading;
    const of = estimate === null || estimate < rows ? '' : ` of about ${estimate.toLocaleString('en-GB')}`;
    return `loading ${table}, ${rows.toLocaleString('en-GB')}${of} rows`;
  }
  const waiting = [...side.sink.lanes.values()].reduce((sum, lane) => sum + lane.lagEvents, 0);
  return waiting === 0 ? 'nothing waits' : `${waiting.toLocaleString('en-GB')} records wait to be applied`;
}
