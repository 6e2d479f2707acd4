import { formatLsn } from '../avro/position.ts';
import { quoteTable } from '../connectors/source/sql.ts';
import { Fault } from '../runtime/fault.ts';
import { databaseFault } from '../runtime/postgres.ts';
import { absentColumns } from './absent-columns.ts';
import { standingOf } from './agreement.ts';
import { type Base, readMark, shapeOf } from './base.ts';
import { type BreakdownLine, refusedBreakdown } from './breakdown.ts';
import { refusedOf } from './refused.ts';
import { compareTable, isOverruled, type OpenRow, type TableComparison } from './comparison.ts';
import type { Buckets } from './digests.ts';
import { type Circumstances, examine, type SourceProgress } from './evidence.ts';
import { type Point, takePoint, waitForLanes } from './point.ts';
import type { Difference, EventsBalance } from './report.ts';
import { type BothSides, rowsOfKeys } from './rows.ts';
import { newBuckets, scanSource, scanStore, type TableScan } from './scan.ts';
import type { PagesToKeep } from './kept-pages.ts';
import type { BothPages, SidePages } from './side-pages.ts';
import { SnapshotSessions } from './sessions.ts';
import type { ReconcileDependencies, ReconcileSettings } from './settings.ts';
import type { SourceSide } from './source-side.ts';
import { sourceSides } from './source-sides.ts';
import { StoreSide } from './store-side.ts';
import { type ReconciledTable, reconciledTables } from './tables.ts';
import { parseSnapshot } from './visibility.ts';

export interface Compared extends TableComparison {
  readonly table: ReconciledTable;
  readonly refused: readonly Difference[];
  readonly rules: Readonly<Record<string, number>>;
  /** Of the refused rows. */
  readonly breakdown: readonly BreakdownLine[];
  /** Below the smallest LSN of an event that the snapshot does not see (P25). */
  readonly through: number;
  readonly unexplained: OpenRow[];
}

/** Both sides as they were at a point. */
export class PointView {
  readonly #settings: ReconcileSettings;
  readonly #dependencies: ReconcileDependencies;
  readonly #progress: SourceProgress;
  readonly #point: Point;
  readonly #sources: readonly SourceSide[];
  readonly #stores: readonly StoreSide[];
  /** Columns that the store does not have yet, as the snapshot that is being read of it says. */
  readonly #absent = new Set<string>();

  constructor(
    settings: ReconcileSettings,
    dependencies: ReconcileDependencies,
    progress: SourceProgress,
    point: Point,
    sources: readonly SourceSide[],
  ) {
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#progress = progress;
    this.#point = point;
    this.#sources = sources;
    this.#stores = sources.map(({ table }) => this.#storeSide(table, null));
  }

  /**
   * `since`: what an earlier run left. `pages`: where both servers tell which pages were written; those tables are compared
   * as in a run over everything, whose digests are known of pages that nobody has written.
   */
  async compareAll(since: Base | null, pages: BothPages | null): Promise<ComparedAll> {
    const { tell } = this.#dependencies;
    const buckets: Buckets[] = this.#sources.map(({ table }) => newBuckets(table.laneKey === null, true));
    // The source is read while the store comes to the point.
    let every: string | null = null;
    const readSource = async (): Promise<void> => {
      every = pages === null ? null : await this.#planSource(pages.source, since === null);
      await this.#scanSource(buckets, since, pages?.source ?? null);
    };
    await together(readSource(), this.#waitForStore());
    // Kafka answers while the databases read.
    const events = this.#dependencies.events();
    events.catch(() => {});
    return this.#onStore(async (sessions) => {
      if (pages !== null) every = (await this.#planStore(sessions, pages.store, since === null)) ?? every;
      await this.#scanStore(sessions, buckets, since, pages);
      const isPaged = this.#sources.map(({ table }) => pages !== null && pages.source.rangesOf(table.entity) !== null);
      const again = await this.#scanMore(sessions, buckets, since);
      const compared: Compared[] = [];
      for (const [index, { table }] of this.#sources.entries()) {
        const ofTable = buckets[index];
        if (ofTable === undefined) continue;
        tell(`comparing ${table.entity}`);
        const isSince = since !== null && (isPaged[index] === false || again.has(index));
        compared.push(await this.#compareOne(this.#both(index, sessions), ofTable, isSince));
      }
      const { sessions: source, lsn } = this.#point;
      const base = {
        generation: this.#progress.generation,
        source: await readMark(source.first),
        store: await readMark(sessions.first),
        shape: shapeOfRun(this.#settings),
      };
      return {
        compared,
        events,
        lsn,
        base,
        pages: pages === null ? null : pagesRead(pages, every),
        keep: pages === null ? [] : [pages.source.toKeep(), pages.store.toKeep()].filter((one) => one !== null),
        point: { snapshot: source.snapshot, lsn: formatLsn(lsn), at: source.at.toISOString() },
      };
    });
  }

  async #planSource(pages: SidePages, isWhole: boolean): Promise<string | null> {
    const { sessions, seen } = this.#point;
    const client = sessions.first;
    const tables = [];
    for (const side of this.#sources) {
      const sql = side.reference();
      const { rows } = sql === null ? { rows: [] } : await client.query<{ reference: string | null }>(sql);
      const meaning = [side.rangeDigests(), rows[0]?.reference ?? null];
      tables.push({ entity: side.table.entity, name: quoteTable(side.table.route), meaning });
    }
    return pages.plan({ client, xmin: seen.xmin, generation: seen.generation }, tables, isWhole);
  }

  async #planStore(sessions: SnapshotSessions, pages: SidePages, isWhole: boolean): Promise<string | null> {
    const client = sessions.first;
    // No file becomes another while its pages are read.
    const names = this.#stores.map(({ table }) => table.current).join(', ');
    for (const one of sessions.clients) await one.query(`LOCK TABLE ${names} IN ACCESS SHARE MODE`);
    // A row of a source that is not known is ours as long as that source is not.
    const { rows } = await client.query<{ sources: string | null }>(
      `SELECT string_agg(DISTINCT source, ' ') AS sources FROM metering.applied_position`,
    );
    const tables = this.#stores.map(({ table }) => ({
      entity: table.entity,
      name: table.current,
      meaning: [this.#storeSide(table, null).meaning, this.#settings.source, rows[0]?.sources ?? null],
    }));
    const { generation } = this.#point.seen;
    return pages.plan({ client, xmin: parseSnapshot(sessions.snapshot, 0).xmin, generation }, tables, isWhole);
  }

  /** The tables whose digests are not the same, again, in buckets. Answers with which. */
  async #scanMore(sessions: SnapshotSessions, buckets: Buckets[], since: Base | null): Promise<ReadonlySet<number>> {
    const more = buckets.map((one, index) =>
      one.different.length === 0 ? null : newBuckets(this.#sources[index]?.table.laneKey === null, false),
    );
    const again = new Set(more.flatMap((one, index) => (one === null ? [] : [index])));
    if (again.size === 0) return again;
    await together(this.#scanSource(more, since, null), this.#scanStore(sessions, more, since, null));
    for (const [index, one] of more.entries()) if (one !== null) buckets[index] = one;
    return again;
  }

  async #scanSource(buckets: readonly (Buckets | null)[], since: Base | null, pages: SidePages | null): Promise<void> {
    const { tell } = this.#dependencies;
    const sides = paired(this.#sources, buckets, ({ table }, own) => {
      const ranges = pages?.rangesOf(table.entity) ?? null;
      return { buckets: own, since: ranges === null ? (since?.source.xmin ?? null) : null, ranges };
    });
    await scanSource(this.#point.sessions.clients, sides, (done, of) =>
      tell(`reading the registration database: ${done} of ${of} parts`),
    );
  }

  async #scanStore(
    sessions: SnapshotSessions,
    buckets: readonly (Buckets | null)[],
    since: Base | null,
    pages: BothPages | null,
  ): Promise<void> {
    const { tell } = this.#dependencies;
    // What the source told by its rows can not be compared with what the store tells by keys.
    const isPaged = ({ entity }: ReconciledTable): boolean => pages !== null && pages.source.rangesOf(entity) !== null;
    const stores = this.#sources.map(({ table }) =>
      this.#storeSide(table, isPaged(table) ? null : (since?.store.xmin ?? null)),
    );
    const sides = paired(stores, buckets, ({ table }, own) => {
      const ranges = isPaged(table) ? (pages?.store.rangesOf(table.entity) ?? null) : null;
      return { buckets: own, since: null, ranges };
    });
    await scanStore(sessions.clients, sides, (done, of) => tell(`reading the metering store: ${done} of ${of} parts`));
  }

  /** Looks at some rows only. Those that are on neither side are in agreement. */
  async look(table: ReconciledTable, open: readonly OpenRow[]): Promise<readonly Looked[]> {
    const index = this.#sources.findIndex((one) => one.table.entity === table.entity);
    await this.#waitForStore();
    return this.#onStore(async (sessions) => {
      const both = this.#both(index, sessions);
      const rows = new Map(
        (
          await rowsOfKeys(
            both,
            open.map(({ row }) => row.key),
          )
        ).map((row) => [row.key, row]),
      );
      const standings = open.map(({ row }) => {
        const now = rows.get(row.key);
        return now === undefined ? ({ kind: 'agreeing' } as const) : standingOf(now);
      });
      const still = open.flatMap(({ row }, at) => {
        const now = rows.get(row.key);
        return now !== undefined && (standings[at]?.kind === 'open' || isOverruled(now)) ? [now] : [];
      });
      const findings = new Map(
        (await examine(both, still, this.#circumstances)).map((finding) => [finding.key, finding]),
      );
      return open.map(({ row }, at) => ({
        row: rows.get(row.key) ?? { key: row.key, source: null, versions: [], troubles: [] },
        standing: standings[at] ?? { kind: 'open' },
        finding: findings.get(row.key) ?? null,
      }));
    });
  }

  async #compareOne(both: BothSides, buckets: Buckets, isSince: boolean): Promise<Compared> {
    const { table } = both.source;
    const { listedMax } = this.#settings;
    const comparison = await compareTable(both, buckets, isSince, this.#circumstances, listedMax);
    // Where something else is known of a refused row, it is told with that, and once.
    const told = [...comparison.open.map(({ row }) => row.key), ...comparison.explained.map(({ key }) => key)];
    const { refused, rules } = await refusedOf(both, listedMax, told);
    const through = Math.min(this.#point.lsn, buckets.horizon) - 1;
    const breakdown = table.laneKey === null ? [] : await refusedBreakdown(both.storeClient, both.store, told);
    return { ...comparison, table, refused, rules, breakdown, through, unexplained: [] };
  }

  get #circumstances(): Circumstances {
    return { progress: this.#progress, source: this.#settings.source, applied: this.#dependencies.applied };
  }

  async #waitForStore(): Promise<void> {
    const { source, lanes, metering, patienceMs } = this.#settings;
    const { lsn, seen } = this.#point;
    const { tell, signal } = this.#dependencies;
    await waitForLanes(metering, { source, lanes, generation: seen.generation, lsn, patienceMs }, tell, signal);
  }

  async #onStore<T>(act: (sessions: SnapshotSessions) => Promise<T>): Promise<T> {
    const { metering, workers, source, patienceMs } = this.#settings;
    const sessions = await SnapshotSessions.open(metering, workers, [], 0, patienceMs, this.#dependencies.signal);
    try {
      const { rows } = await sessions.first.query<{ generation: number }>(
        'SELECT max(generation) AS generation FROM metering.applied_position WHERE source = $1',
        [source],
      );
      if ((rows[0]?.generation ?? 0) > this.#progress.generation) {
        throw new Fault(
          'unavailable',
          'RECONCILE_HISTORY_BROKEN',
          "The source's history was broken and healed while both sides were compared.",
        );
      }
      this.#absent.clear();
      const tables = this.#sources.map(({ table }) => table);
      for (const column of await absentColumns(sessions.first, tables)) this.#absent.add(column);
      return await act(sessions);
    } finally {
      await sessions.close();
    }
  }

  #storeSide(table: ReconciledTable, since: number | null): StoreSide {
    return new StoreSide(table, this.#settings.source, this.#point.seen, since, this.#absent);
  }

  #both(index: number, store: SnapshotSessions): BothSides {
    const [source, storeSide] = [this.#sources[index], this.#stores[index]];
    if (source === undefined || storeSide === undefined) throw new RangeError(`there is no table ${index}`);
    return { source, sourceClient: this.#point.sessions.first, store: storeSide, storeClient: store.first };
  }
}

export interface ComparedAll {
  readonly compared: readonly Compared[];
  readonly events: Promise<EventsBalance>;
  readonly point: { readonly snapshot: string; readonly lsn: string; readonly at: string };
  readonly lsn: number;
  readonly base: Base;
  /** Null where pages tell nothing. `every`: why nothing was known of them. */
  readonly pages: { readonly read: number; readonly of: number; readonly every: string | null } | null;
  readonly keep: readonly PagesToKeep[];
}

function pagesRead({ source, store }: BothPages, every: string | null): ComparedAll['pages'] {
  const [there, here] = [source.pages, store.pages];
  return { read: there.read + here.read, of: there.of + here.of, every };
}

/** What a run compares, and what is ours: a later run since it must mean the same. */
export function shapeOfRun({ source, mapping, played, meteringService, version }: ReconcileSettings): string {
  return shapeOf(reconciledTables(source, mapping), played, meteringService, version);
}

export interface Looked {
  /** As it is now: rows that are looked at again count as what they are found at last. */
  readonly row: OpenRow['row'];
  readonly standing: ReturnType<typeof standingOf>;
  readonly finding: OpenRow['finding'] | null;
}

export async function onPoint<T>(
  settings: ReconcileSettings,
  dependencies: ReconcileDependencies,
  tables: readonly ReconciledTable[],
  progress: SourceProgress,
  act: (view: PointView) => Promise<T>,
): Promise<T> {
  const { signal } = dependencies;
  signal?.throwIfAborted();
  const point = await takePoint(
    settings.registration,
    tables,
    settings.workers,
    progress.generation,
    settings.patienceMs,
    signal,
  );
  try {
    const sources = await sourceSides(settings, tables, point);
    return await act(new PointView(settings, dependencies, progress, point, sources));
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await point.sessions.close();
  }
}

function paired<S>(
  sides: readonly S[],
  buckets: readonly (Buckets | null)[],
  scanOf: (side: S, buckets: Buckets) => TableScan,
): ReadonlyMap<S, TableScan> {
  return new Map(
    sides.flatMap((side, index) => {
      const own = buckets[index];
      return own === undefined || own === null ? [] : [[side, scanOf(side, own)] as const];
    }),
  );
}

/** Both to their ends, and then the first failure: nothing must go on in a session that is being closed. */
async function together(...acts: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(acts)) if (result.status === 'rejected') throw result.reason;
}
