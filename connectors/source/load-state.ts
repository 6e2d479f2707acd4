import type { ParkedTables } from './parked-tables.ts';

/** How far the initial load of one table has come: kept in progress, so that it goes on after the last finished chunk. */
export interface TableLoad {
  /** The primary key of the last row of the last finished chunk, as text; null before the first. */
  readonly after: readonly string[] | null;
  readonly rows: number;
  readonly estimate: number | null;
  readonly done: boolean;
}

/** `schema.table` → its load. */
export type LoadState = Readonly<Record<string, TableLoad>>;

export const untouchedTable: TableLoad = { after: null, rows: 0, estimate: null, done: false };

/** How far a snapshot that was asked for has come. */
export interface JobProgress {
  readonly after: readonly string[] | null;
  readonly rows: number;
  /** Listed keys that were gone, told as deletes. */
  readonly deletes: number;
  /** Listed keys that were gone, of which too little is known to tell it. */
  readonly untold: number;
  readonly done: boolean;
}

/** The id of the job → its progress, for jobs that have begun and are not closed. */
export type JobState = Readonly<Record<string, JobProgress>>;

export const untouchedJob: JobProgress = { after: null, rows: 0, deletes: 0, untold: 0, done: false };

export interface Readings {
  readonly load: LoadState;
  readonly jobs: JobState;
  readonly parked: ParkedTables;
}

export function encodeJobs(readings: Readings): string {
  return JSON.stringify(readings);
}

/** What `encodeJobs` wrote; an empty text has nothing. */
export function decodeJobs(text: string): Readings {
  const found = text === '' ? {} : (JSON.parse(text) as Partial<Readings>);
  return { load: found.load ?? {}, jobs: found.jobs ?? {}, parked: found.parked ?? {} };
}
