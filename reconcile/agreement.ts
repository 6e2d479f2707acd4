/**
 * Why a row may rightly differ (P24). `unsent`: in values that the source left out of its event, and of which the store says so.
 * `parked`: the table is parked, and the source's row is newer than the store's. `unverified`: as refused or dead-lettered, but
 * the topic does not hold the event any more that the store's version came from, so that nothing says whether it is still that.
 */
export type Explanation =
  | 'rejected'
  | 'held'
  | 'deadLettered'
  | 'notOurs'
  | 'loading'
  | 'unsent'
  | 'parked'
  | 'unverified';

/** What is wrong with a row that nothing explains. */
export type Cause = 'changed-in-store' | 'missing' | 'extra' | 'unknown';

/** An accepted version that is there at the point. */
export interface StoreVersion {
  readonly laneKey: string;
  readonly digest: string;
}

/** The last event of a key that was not accepted, where the point sees it. */
export interface StoreTrouble {
  readonly laneKey: string;
  readonly outcome: 'rejected' | 'held' | 'loading';
  /** Of the event's content; null for a delete. */
  readonly digest: string | null;
  /** The store had a good version below it, as it says itself. */
  readonly hasKept: boolean;
}

/** One row, on both sides at the point. Keys of events (lane keys) can differ when a row moves between them. */
export interface RowSides {
  readonly key: string;
  readonly source: { readonly digest: string; readonly notOurs: boolean } | null;
  readonly versions: readonly StoreVersion[];
  readonly troubles: readonly StoreTrouble[];
}

export type Standing =
  | { readonly kind: 'agreeing' }
  | { readonly kind: 'explained'; readonly by: Explanation }
  | { readonly kind: 'open' };

const agreeing: Standing = { kind: 'agreeing' };
const open: Standing = { kind: 'open' };

/**
 * Does the row agree, or does its own last event explain that it does not? A rejected or held event explains only the
 * content that it had itself: it must not hide a later one that was lost.
 */
export function standingOf({ source, versions, troubles }: RowSides): Standing {
  const troubled = new Set(troubles.map(({ laneKey }) => laneKey));
  const good = versions.filter(({ laneKey }) => !troubled.has(laneKey));
  const bad = versions.filter(({ laneKey }) => troubled.has(laneKey));
  const isGood = good.some(({ digest }) => digest === source?.digest);
  // A version that is neither what the source says nor what a refused event would have replaced.
  if (good.length > (isGood ? 1 : 0)) return open;
  const blamed = troubles.find(({ digest }) => digest !== null && digest === source?.digest);
  if (source !== null && !isGood && blamed === undefined) return source.notOurs && bad.length === 0 ? notOurs : open;
  const kept = troubles.find(({ laneKey }) => bad.some((version) => version.laneKey === laneKey));
  const isSame = bad.length === 1 && bad[0]?.digest === source?.digest;
  if (isSame && !isGood) return agreeing;
  const outcome = blamed?.outcome ?? (bad.length > 0 ? kept?.outcome : undefined);
  return outcome === undefined ? agreeing : { kind: 'explained', by: outcome };
}

/** Below its refused event the store had a good version, and has it no more, although no event has ended it. */
export function isBereft({ versions, troubles }: RowSides): boolean {
  return versions.length === 0 && troubles.some(({ hasKept }) => hasKept);
}

const notOurs: Standing = { kind: 'explained', by: 'notOurs' };
