import { formatLsn } from '../avro/position.ts';
import type { RegistrationMapping } from '../connectors/registration/routes.ts';
import type { StoredEntity } from '../connectors/metering/entities.ts';
import { Fault } from '../runtime/fault.ts';
import { databaseFault, type DatabaseSettings } from '../runtime/postgres.ts';
import { standingOf } from './agreement.ts';
import { type BreakdownLine, refusedBreakdown } from './breakdown.ts';
import { compareTable, type OpenRow, type TableComparison } from './comparison.ts';
import type { Buckets } from './digests.ts';
import { examine, type SourceProgress } from './evidence.ts';
import { type Point, takePoint, waitForLanes } from './point.ts';
import type { Difference, EventsBalance } from './report.ts';
import { type BothSides, rowsOfKeys } from './rows.ts';
import { newBuckets, scanSource, scanStore } from './scan.ts';
import { SnapshotSessions } from './sessions.ts';
import { readColumnTypes, SourceSide } from './source-side.ts';
import { StoreSide } from './store-side.ts';
import { type ReconciledTable, reconciledTables } from './tables.ts';

export interface ReconcileSettings {
  /** The registration source's name. */
  readonly source: string;
  readonly registration: DatabaseSettings;
  readonly metering: DatabaseSettings;
  readonly mapping: RegistrationMapping;
  readonly lanes: number;
  /** The MPIDs that this side plays, and the role that makes a participant a metering service. */
  readonly played: readonly string[];
  readonly meteringService: string;
  /** Null for every table. */
  readonly only: StoredEntity | null;
  /** Sessions that read on each side. */
  readonly workers: number;
  readonly listedMax: number;
  readonly patienceMs: number;
  readonly version: string;
}

export interface ReconcileDependencies {
  readonly progress: () => Promise<SourceProgress>;
  readonly events: () => Promise<EventsBalance>;
  readonly tell: (text: string) => void;
  readonly signal?: AbortSignal;
}

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
    this.#stores = sources.map(({ table }) => new StoreSide(table, settings.source, point.seen));
  }

  async compareAll(): Promise<{
    readonly compared: readonly Compared[];
    readonly point: { readonly snapshot: string; readonly lsn: string; readonly at: string };
    readonly lsn: number;
  }> {
    const { tell } = this.#dependencies;
    const buckets = this.#sources.map(({ table }) => newBuckets(table.laneKey === null));
    // The source is read while the store comes to the point.
    await together(
      scanSource(this.#point.sessions.clients, paired(this.#sources, buckets), (done, of) =>
        tell(`reading the registration database: ${done} of ${of} parts`),
      ),
      this.#waitForStore(),
    );
    return this.#onStore(async (sessions) => {
      await scanStore(sessions.clients, paired(this.#stores, buckets), (done, of) =>
        tell(`reading the metering store: ${done} of ${of} parts`),
      );
      const compared: Compared[] = [];
      for (const [index, { table }] of this.#sources.entries()) {
        const ofTable = buckets[index];
        if (ofTable === undefined) continue;
        tell(`comparing ${table.entity}`);
        compared.push(await this.#compareOne(this.#both(index, sessions), ofTable));
      }
      const { sessions: source, lsn } = this.#point;
      return { compared, lsn, point: { snapshot: source.snapshot, lsn: formatLsn(lsn), at: source.at.toISOString() } };
    });
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
        return standings[at]?.kind === 'open' && now !== undefined ? [now] : [];
      });
      const findings = new Map(
        (await examine(both, still, this.#progress, this.#settings.source)).map((finding) => [finding.key, finding]),
      );
      return open.map(({ row }, at) => ({
        row: rows.get(row.key) ?? { key: row.key, source: null, versions: [], troubles: [] },
        standing: standings[at] ?? { kind: 'open' },
        finding: findings.get(row.key) ?? null,
      }));
    });
  }

  async #compareOne(both: BothSides, buckets: Buckets): Promise<Compared> {
    const { table } = both.source;
    const { source, listedMax } = this.#settings;
    const comparison = await compareTable(both, buckets, this.#progress, source, listedMax);
    const { refused, rules } = await refusedOf(both, listedMax);
    const through = Math.min(this.#point.lsn, buckets.horizon) - 1;
    const breakdown = table.laneKey === null ? [] : await refusedBreakdown(both.storeClient, both.store);
    return { ...comparison, table, refused, rules, breakdown, through, unexplained: [] };
  }

  async #waitForStore(): Promise<void> {
    const { source, lanes, metering, patienceMs } = this.#settings;
    const { lsn, seen } = this.#point;
    const { tell, signal } = this.#dependencies;
    await waitForLanes(metering, { source, lanes, generation: seen.generation, lsn, patienceMs }, tell, signal);
  }

  async #onStore<T>(act: (sessions: SnapshotSessions) => Promise<T>): Promise<T> {
    const { metering, workers, source } = this.#settings;
    const sessions = await SnapshotSessions.open(metering, workers, [], 0);
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
      return await act(sessions);
    } finally {
      await sessions.close();
    }
  }

  #both(index: number, store: SnapshotSessions): BothSides {
    const [source, storeSide] = [this.#sources[index], this.#stores[index]];
    if (source === undefined || storeSide === undefined) throw new RangeError(`there is no table ${index}`);
    return { source, sourceClient: this.#point.sessions.first, store: storeSide, storeClient: store.first };
  }
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
  const point = await takePoint(settings.registration, tables, settings.workers, progress.generation);
  try {
    const sources = await sourceSides(settings, tables, point);
    return await act(new PointView(settings, dependencies, progress, point, sources));
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await point.sessions.close();
  }
}

async function sourceSides(
  settings: ReconcileSettings,
  tables: readonly ReconciledTable[],
  { sessions }: Point,
): Promise<readonly SourceSide[]> {
  const participants = reconciledTables(settings.source, settings.mapping).find(
    ({ entity }) => entity === 'participant',
  );
  if (participants === undefined) throw new RangeError('participants are not routed');
  const known = await everMeteringServices(settings);
  const notOurs = { played: settings.played, meteringService: settings.meteringService, known, participants };
  const sides: SourceSide[] = [];
  for (const table of tables) {
    sides.push(new SourceSide(table, await readColumnTypes(sessions.first, table), notOurs));
  }
  return sides;
}

/** An appointment was judged by what was known then, which may have gone since. */
async function everMeteringServices({
  metering,
  source,
  meteringService,
}: ReconcileSettings): Promise<readonly string[]> {
  const sessions = await SnapshotSessions.open(metering, 1, [], 0);
  try {
    const { rows } = await sessions.first.query<{ mpid: string }>(
      `SELECT DISTINCT mpid FROM (SELECT mpid, role, source FROM metering.participant
         UNION ALL SELECT mpid, role, source FROM metering.participant_history) p
       WHERE role = $1 AND source = $2 AND mpid IS NOT NULL`,
      [meteringService, source],
    );
    return rows.map(({ mpid }) => mpid);
  } finally {
    await sessions.close();
  }
}

async function refusedOf(
  { store, storeClient }: BothSides,
  listedMax: number,
): Promise<{ readonly refused: readonly Difference[]; readonly rules: Readonly<Record<string, number>> }> {
  if (store.table.laneKey === null) return { refused: [], rules: {} };
  const listed = await storeClient.query<{ key: string; outcome: 'rejected' | 'held' | 'loading'; codes: string[] }>(
    store.refused(),
    [listedMax],
  );
  const counted = await storeClient.query<{ code: string; rows: string }>(store.refusedByRule());
  return {
    refused: listed.rows.map(({ key, outcome, codes }) => ({
      table: store.table.entity,
      key,
      cause: outcome,
      items: [],
      values: {},
      rules: codes,
    })),
    rules: Object.fromEntries(counted.rows.map(({ code, rows }) => [code, Number(rows)])),
  };
}

function paired<S>(sides: readonly S[], buckets: readonly Buckets[]): ReadonlyMap<S, Buckets> {
  return new Map(
    sides.flatMap((side, index) => {
      const own = buckets[index];
      return own === undefined ? [] : [[side, own] as const];
    }),
  );
}

/** Both to their ends, and then the first failure: nothing must go on in a session that is being closed. */
async function together(...acts: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(acts)) if (result.status === 'rejected') throw result.reason;
}
