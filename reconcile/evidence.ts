import { tableName } from '../connectors/source/route-columns.ts';
import { quoteIdentifier } from '../connectors/source/sql.ts';
import type { Cause, Explanation, RowSides } from './agreement.ts';
import { type Place, placesOf } from './places.ts';
import type { BothSides, ItemTexts } from './rows.ts';

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

/** The value of an item that differs, on both sides, as text. */
export interface ItemValues {
  readonly registration: string | null;
  readonly metering: string | null;
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
}

interface SourceDetails {
  readonly key: string;
  readonly lane_key: string;
  readonly items: ItemTexts;
  readonly xmin: string;
}

interface StoreDetails {
  readonly key: string;
  readonly lane_key: string;
  readonly items: ItemTexts;
  readonly unsent: readonly string[] | null;
  readonly xid: string | null;
  readonly applied_at: Date | null;
}

interface Later {
  readonly key: string;
  readonly digest: string | null;
  readonly lsn: string;
}

/** Looks closely at open rows, at most some thousand at once. */
export async function examine(
  both: BothSides,
  rows: readonly RowSides[],
  progress: SourceProgress,
  source: string,
): Promise<readonly Finding[]> {
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
  const letters = await deadLetters(both, source, [...laneKeys]);
  const places = await placesOf(
    both,
    both.source.table,
    rows.map(({ key }) => there.get(key)?.items ?? here.get(key)?.[0]?.items ?? null),
  );
  return rows.map((row, at) => {
    const inSource = there.get(row.key) ?? null;
    const inStore = here.get(row.key) ?? [];
    const since = after.get(row.key) ?? [];
    const laneKeysOfRow = [...(inSource === null ? [] : [inSource]), ...inStore].map((one) => one.lane_key);
    const lettersAt = Math.max(...laneKeysOfRow.map((laneKey) => letters.get(laneKey) ?? Number.NEGATIVE_INFINITY));
    const appliedAt = Math.max(
      ...inStore.map((version) => version.applied_at?.getTime() ?? Number.NEGATIVE_INFINITY),
      Number.NEGATIVE_INFINITY,
    );
    const isDeadLettered = lettersAt > Number.NEGATIVE_INFINITY && lettersAt >= appliedAt;
    const closest = inStore.find((one) => one.lane_key === inSource?.lane_key) ?? inStore[0] ?? null;
    const explain = (): Explanation | null => {
      if (isDeadLettered) return 'deadLettered';
      if (isLoading(both, row, since, progress)) return 'loading';
      if (inStore.length === 1 && isUnsent(both, inSource, closest)) return 'unsent';
      // What somebody has changed in the store is no matter of what waits.
      const isOlder = causeOf(inSource, closest, inStore.length, since) !== 'changed-in-store';
      return isOlder && progress.parked.has(tableName(both.source.table.route)) ? 'parked' : null;
    };
    return {
      key: row.key,
      by: explain(),
      cause: causeOf(inSource, closest, inStore.length, since),
      items: inSource === null || closest === null ? {} : differingItems(both, inSource.items, closest.items),
      movedOn: since.length > 0,
      there: inSource?.items ?? null,
      place: places[at] ?? { distributor: null, supplier: null },
      day: closest?.applied_at?.toISOString().slice(0, 10) ?? null,
      here: closest === null ? [] : [closest, ...inStore.filter((one) => one !== closest)].map(({ items }) => items),
    };
  });
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

/** Lane key → when its last record that could not be decoded came, in epoch milliseconds. */
async function deadLetters(
  { storeClient, store }: BothSides,
  source: string,
  laneKeys: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (store.table.laneKey === null || laneKeys.length === 0) return new Map();
  const { rows } = await storeClient.query<{ key: Buffer; at: Date }>(
    `SELECT key, max(at) AS at FROM metering.dead_letter l
     WHERE source = $1 AND topic = ANY ($2::text[]) AND key = ANY ($3::bytea[])
       AND NOT EXISTS (SELECT FROM metering.redrive r WHERE r.result IS NOT NULL
         AND (r.source, r.topic, r.partition, r."offset") = (l.source, l.topic, l.partition, l."offset"))
     GROUP BY key`,
    [source, store.table.topics, laneKeys.map((key) => Buffer.from(key))],
  );
  return new Map(rows.map(({ key, at }) => [key.toString('utf8'), at.getTime()]));
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
