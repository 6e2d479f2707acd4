/**
 * What a snapshot of the source sees, by transaction ids (protocol P4: about a snapshot, LSNs say nothing).
 */
export interface Visibility {
  /** The source's generation: transaction ids of older ones are all visible, those of newer ones are not. */
  readonly generation: number;
  readonly xmin: number;
  readonly xmax: number;
  /** Transactions between the two that were in progress. */
  readonly inProgress: readonly number[];
}

/** Reads PostgreSQL's `pg_snapshot` text, `xmin:xmax:xip,xip`. Throws a RangeError on anything else. */
export function parseSnapshot(text: string, generation: number): Visibility {
  const match = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text);
  if (match === null) throw new RangeError(`not a snapshot: ${text}`);
  const [, xmin, xmax, list] = match;
  return {
    generation,
    xmin: Number(xmin),
    xmax: Number(xmax),
    inProgress: list === undefined || list === '' ? [] : list.split(',').map(Number),
  };
}

/**
 * Does the snapshot see the transaction? As a condition in SQL, never null. A row that names no transaction was not written by
 * us and is there.
 */
export function visibleSql(seen: Visibility, xid: string, generation: string): string {
  const within =
    seen.inProgress.length === 0
      ? `${xid} < ${seen.xmax}`
      : `(${xid} < ${seen.xmin} OR (${xid} < ${seen.xmax} AND ${xid} <> ALL ('{${seen.inProgress.join(',')}}'::bigint[])))`;
  // What is true of nearly every row comes first.
  return `((${generation} = ${seen.generation} AND ${within}) OR ${xid} IS NULL OR ${generation} IS NULL OR ${generation} < ${seen.generation})`;
}
