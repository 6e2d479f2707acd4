import { tableName } from '../connectors/source/route-columns.ts';
import { quoteIdentifier } from '../connectors/source/sql.ts';
import { type Cause, type Explanation, isBereft, type RowSides, standingOf } from './agreement.ts';
import { type ReadAppliedEvents, type Verification, verifyVersions } from './applied-events.ts';
import { type Letter, openLetters } from './letters.ts';
import { type Place, placesOf } from './places.ts';
import type { BothSides, ItemTexts, ItemValues, StoreDetails } from './rows.ts';

/** What is known of the source besides its rows, from its last progress record. */
export interface SourceProgress {
  readonly generation: number;
  /** The LSN at which the initial load was complete; null while it runs. */
  readonly loadCompleteLsn: number | null;
  /** `schema.table` of what is read completely by now: a mirrored table may be added later. */
  readonly loaded: ReadonlySet<string>;
  /** `schema.table` of what is parked or paused: its changes wait, and are told when it is resumed. */
  readonly parked: ReadonlySet<string>;
}

/** A row that nothing known so far explains, looked at closely. */
export interface Finding {
  readonly key: string;
  /** Set when something explains it after all. */
  readonly by: Explanation | null;
  readonly cause: Cause;
  /** Items that differ, where both sides have the row. */
  readonly items: Readonly<Record<string, ItemValues>>;
  /** Events that the snapshot does not see have changed it since: it should be looked at again. */
  readonly movedOn: boolean;
  /** The row in the source, as texts in the order of the table's items; null where it has none. */
  readonly there: ItemTexts | null;
  /** The store's versions, the one that is closest to the source's row first. */
  readonly here: readonly ItemTexts[];
  /** Whom it concerns. */
  readonly place: Place;
  /** The day (UTC) on which the store's version was applied. */
  readonly day: string | null;
  /** What has refused the source's row, so that it can not be sent again; null where nothing has. */
  readonly refusal: Refusal | null;
}

/** The source's row is what the rules have refused, or hold. */
export interface Refusal {
  readonly outcome: 'rejected' | 'held' | 'loading';
  readonly codes: readonly string[];
}

interface SourceDetails {
  readonly key: string;
  readonly lane_key: string;
  readonly items: ItemTexts;
  readonly xmin: string;
}

interface Later {
  readonly key: string;
  readonly digest: string | null;
  readonly lsn: string;
}

/** What a close look needs to know besides both sides. */
export interface Circumstances {
  readonly progress: SourceProgress;
  /** The registration source's name. */
  readonly source: string;
  readonly applied: ReadAppliedEvents;
}

/**
 * Looks closely at rows, at most some thousand at once: at open ones, and at those that a refused event explains, whose good
 * version nobody may have changed.
 */
export async function examine(
  both: BothSides,
  rows: readonly RowSides[],
  { progress, source, applied }: Circumstances,
): Promise<readonly Finding[]> {
  if (rows.length === 0) return [];
  const keys = rows.map(({ key }) => key);
  const [sourceRows, storeRows] = await Promise.all([
    both.sourceClient.query<SourceDetails>(both.source.details(), [keys]),
    both.storeClient.query<StoreDetails>(both.store.details(), [keys]),
  ]);
  const later = await both.storeClient.query<Later>(both.store.later(), [keys]);
  const there = new Map(sourceRows.rows.map((row) => [row.key, row]));
  const here = grouped(storeRows.rows);
  const after = grouped(later.rows);
  const laneKeys = new Set([...sourceRows.rows, ...storeRows.rows].map((row) => row.lane_key));
  const letters = await openLetters(both, source, [...laneKeys]);
  const places = await placesOf(
    both,
    both.source.table,
    rows.map(({ key }) => there.get(key)?.items ?? here.get(key)?.[0]?.items ?? null),
  );
  const looks = rows.map((row): Look => {
    const inSource = there.get(row.key) ?? null;
    const inStore = here.get(row.key) ?? [];
    const laneKeysOfRow = new Set([...(inSource === null ? [] : [inSource]), ...inStore].map((one) => one.lane_key));
    const standing = standingOf(row);
    return {
      row,
      inSource,
      inStore,
      since: after.get(row.key) ?? [],
      letters: [...laneKeysOfRow].flatMap((laneKey) => letters.get(laneKey) ?? []),
      refused: standing.kind === 'explained' ? standing.by : null,
    };
  });
  const doubtful = looks
    .filter((look) => look.refused !== null || look.letters.length > 0)
    .flatMap(({ inStore }) => inStore);
  const verifications = await verifyVersions(both, doubtful, applied);
  const verified = new Map(doubtful.map((version, at) => [version, verifications[at]]));
  const refusals = await refusalsOf(
    both,
    looks.filter(({ refused }) => refused !== null).map(({ row }) => row.key),
  );
  return looks.map((look, at) => {
    const { row, inSource, inStore, since } = look;
    const closest = inStore.find((one) => one.lane_key === inSource?.lane_key) ?? inStore[0] ?? null;
    const changed = inStore.map((version) => verified.get(version)).find((one) => one?.kind === 'changed');
    const isChanged = changed !== undefined && closest !== null;
    const cause = isChanged ? 'changed-in-store' : causeOf(inSource, closest, inStore.length, since);
    return {
      key: row.key,
      by: isChanged ? null : explanationOf(both, look, closest, verified, progress),
      cause,
      items: isChanged
        ? changed.items
        : inSource === null || closest === null
          ? {}
          : differingItems(both, inSource.items, closest.items),
      movedOn: since.length > 0,
      there: inSource?.items ?? null,
      place: places[at] ?? { distributor: null, supplier: null },
      day: closest?.applied_at?.toISOString().slice(0, 10) ?? null,
      refusal: refusals.get(row.key) ?? null,
      here: closest === null ? [] : [closest, ...inStore.filter((one) => one !== closest)].map(({ items }) => items),
    };
  });
}

/** One row with everything that was read of it. */
interface Look {
  readonly row: RowSides;
  readonly inSource: SourceDetails | null;
  readonly inStore: readonly StoreDetails[];
  readonly since: readonly Later[];
  readonly letters: readonly Letter[];
  /** What its own last event says, where that explains it: that it was refused, and why. */
  readonly refused: Explanation | null;
}

type Verified = ReadonlyMap<StoreDetails, Verification | undefined>;

/** What explains a row of which nobody has changed a version, as far as the topics still tell. */
function explanationOf(
  both: BothSides,
  { row, inSource, inStore, since, letters, refused }: Look,
  closest: StoreDetails | null,
  verified: Verified,
  progress: SourceProgress,
): Explanation | null {
  const isGone = inStore.some((version) => verified.get(version)?.kind === 'gone');
  // What the store had below the refused event, somebody has deleted.
  if (refused !== null && isBereft(row)) return null;
  if (refused !== null) return isGone ? 'unverified' : refused;
  if (letters.length > 0 && inStore.every((version) => isOvertaken(version, letters, verified.get(version))))
    return isGone ? 'unverified' : 'deadLettered';
  if (isLoading(both, row, since, progress)) return 'loading';
  if (inStore.length === 1 && isUnsent(both, inSource, closest)) return 'unsent';
  // What somebody has changed in the store is no matter of what waits.
  const isOlder = causeOf(inSource, closest, inStore.length, since) !== 'changed-in-store';
  return isOlder && progress.parked.has(tableName(both.source.table.route)) ? 'parked' : null;
}

async function refusalsOf(
  { store, storeClient }: BothSides,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Refusal>> {
  if (keys.length === 0) return new Map();
  const { rows } = await storeClient.query<Refusal & { key: string }>(store.refusedOfKeys(), [keys]);
  return new Map(rows.map(({ key, outcome, codes }) => [key, { outcome, codes }]));
}

/** Did a letter come after the event of the version? Offsets tell where both are in one partition, else the time does. */
function isOvertaken(
  version: StoreDetails,
  letters: readonly Letter[],
  verification: Verification | undefined,
): boolean {
  const place = verification?.place ?? null;
  return letters.some((letter) =>
    letter.topic === place?.topic && letter.partition === place.partition
      ? letter.offset > place.offset
      : letter.at.getTime() >= (version.applied_at?.getTime() ?? Number.NEGATIVE_INFINITY),
  );
}

/** No version that the snapshot sees, but one that it does not, which was read rather than changed (P23). */
function isLoading(
  both: BothSides,
  { source, versions, troubles }: RowSides,
  later: readonly Later[],
  progress: SourceProgress,
): boolean {
  if (source === null || versions.length > 0 || troubles.length > 0) return false;
  const { loadCompleteLsn } = progress;
  if (loadCompleteLsn === null || (isMirrored(both) && !progress.loaded.has(tableName(both.source.table.route))))
    return true;
  return later.some(({ digest, lsn }) => digest === source.digest || Number(lsn) <= loadCompleteLsn);
}

/** Do the rows differ in nothing but values of which the store says that the source left them out of the row's event? */
function isUnsent(both: BothSides, inSource: SourceDetails | null, inStore: StoreDetails | null): boolean {
  if (inSource === null || inStore === null || inStore.unsent === null) return false;
  const unsent = new Set(inStore.unsent.map(quoteIdentifier));
  return both.source.table.items.every(
    ({ stored }, at) =>
      inSource.items[at] === inStore.items[at] || (inStore.items[at] === null && unsent.has(stored ?? '')),
  );
}

function isMirrored({ source }: BothSides): boolean {
  return source.table.items.some(({ kind }) => kind === 'mirrored');
}

function causeOf(
  inSource: SourceDetails | null,
  inStore: StoreDetails | null,
  versions: number,
  since: readonly Later[],
): Cause {
  if (inSource === null) return 'extra';
  if (inStore === null) return 'missing';
  if (versions > 1) return 'extra';
  // Still moving after several looks.
  if (since.length > 0 || inStore.xid === null) return since.length > 0 ? 'unknown' : 'changed-in-store';
  return wroteLast(Number(inSource.xmin), Number(inStore.xid)) ? 'changed-in-store' : 'unknown';
}

/** Is the store's version at least as new as the row in the source? `xmin` has 32 bits of the transaction id. */
export function wroteLast(xmin: number, xid: number): boolean {
  return ((xmin - (xid % 0x1_0000_0000)) | 0) <= 0;
}

function differingItems(
  { source }: BothSides,
  there: ItemTexts,
  here: ItemTexts,
): Readonly<Record<string, ItemValues>> {
  return Object.fromEntries(
    source.table.items.flatMap(({ name }, at) => {
      const values = { registration: there[at] ?? null, metering: here[at] ?? null };
      return values.registration === values.metering ? [] : [[name, values] as const];
    }),
  );
}

function grouped<R extends { readonly key: string }>(rows: readonly R[]): ReadonlyMap<string, readonly R[]> {
  const groups = new Map<string, R[]>();
  for (const row of rows) {
    const group = groups.get(row.key);
    if (group === undefined) groups.set(row.key, [row]);
    else group.push(row);
  }
  return groups;
}
