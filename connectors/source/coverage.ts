import type { Position } from '../../avro/position.ts';
import type { ProgressRecord } from '../../avro/progress.ts';
import type { ParkedTables } from './parked-tables.ts';
import { decodeJobs, encodeJobs, type JobState, type LoadState } from './load-state.ts';

/** What a progress record says of the stream; the rest of the record is about the server and the topics. */
export type Covered = Pick<
  ProgressRecord,
  | 'position'
  | 'complete'
  | 'endLsn'
  | 'sourceTime'
  | 'xid'
  | 'captured'
  | 'heartbeatToken'
  | 'parkedTables'
  | 'jobs'
  | 'loadCompleteAt'
>;

/**
 * How far the stream has been turned into events. It moves with every change, so it is mutable; `covered` takes what
 * a progress record needs at the moment when a batch is closed.
 */
export class Coverage {
  readonly generation: number;
  lsn: number;
  ordinal: number;
  complete: boolean;
  endLsn: number;
  sourceTime: number;
  xid: number;
  heartbeatToken: number;
  /** Topic → events captured, cumulative. */
  readonly captured: Map<string, number>;
  load: LoadState;
  /** Snapshots that were asked for and have begun. */
  jobs: JobState;
  /** Tables whose changes are parked. */
  parked: ParkedTables;
  loadCompleteAt: Position | null;

  constructor(from: Covered) {
    this.generation = from.position.generation;
    this.lsn = from.position.lsn;
    this.ordinal = from.position.ordinal;
    this.complete = from.complete;
    this.endLsn = from.endLsn;
    this.sourceTime = from.sourceTime;
    this.xid = from.xid;
    this.heartbeatToken = from.heartbeatToken;
    this.captured = new Map(Object.entries(from.captured));
    const { load, jobs, parked } = decodeJobs(from.jobs);
    this.load = load;
    this.jobs = jobs;
    this.parked = parked;
    this.loadCompleteAt = from.loadCompleteAt;
  }

  covered(): Covered {
    return {
      position: { generation: this.generation, lsn: this.lsn, ordinal: this.ordinal },
      complete: this.complete,
      endLsn: this.endLsn,
      sourceTime: this.sourceTime,
      xid: this.xid,
      captured: Object.fromEntries(this.captured),
      heartbeatToken: this.heartbeatToken,
      parkedTables: Object.keys(this.parked),
      jobs: encodeJobs({ load: this.load, jobs: this.jobs, parked: this.parked }),
      loadCompleteAt: this.loadCompleteAt,
    };
  }
}

/** What is covered before the first record: everything up to where the slot was made is for the initial load. */
export function nothingCovered(slotLsn: number): Covered {
  return {
    position: { generation: 1, lsn: 0, ordinal: 0 },
    complete: true,
    endLsn: slotLsn,
    sourceTime: 0,
    xid: 0,
    captured: {},
    heartbeatToken: 0,
    parkedTables: [],
    jobs: '',
    loadCompleteAt: null,
  };
}
