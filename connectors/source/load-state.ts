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

export function encodeJobs(load: LoadState): string {
  return JSON.stringify({ load });
}

/** What `encodeJobs` wrote; an empty text has no jobs. */
export function decodeJobs(text: string): LoadState {
  if (text === '') return {};
  const jobs = JSON.parse(text) as { readonly load?: LoadState };
  return jobs.load ?? {};
}
