import type pg from 'pg';
import type { WalMark } from './wal-summaries.ts';

export type SideName = 'source' | 'store';

/** Entity → what its digests are of. */
export type KeptTables = Readonly<Record<string, string>>;

/** What an earlier run saw on the pages of one side's tables. */
export interface KeptPages {
  readonly runId: number;
  readonly generation: number;
  readonly marks: readonly WalMark[];
  readonly tables: KeptTables;
}

/** What a run leaves to later ones. */
export interface PagesToKeep {
  readonly side: SideName;
  /** The run whose digests it went on from, or would replace: when they are another's by now, nothing is kept. */
  readonly instead: number | null;
  readonly generation: number;
  readonly marks: readonly WalMark[];
  readonly tables: KeptTables;
  /** Entity → how many parts it has, and the digests of those that have changed. */
  readonly digests: ReadonlyMap<string, { readonly parts: number; readonly changed: ReadonlyMap<number, Buffer> }>;
}

export async function readKeptPages(metering: pg.Client, source: string): Promise<ReadonlyMap<SideName, KeptPages>> {
  const { rows } = await metering.query<KeptPages & { side: SideName }>(
    `SELECT side, run_id::int AS "runId", generation, marks, tables FROM metering.reconcile_pages WHERE source = $1`,
    [source],
  );
  return new Map(rows.map(({ side, ...kept }) => [side, kept]));
}

/** Entity → part → its digests; empty when they are of another run by now. */
export async function readKeptDigests(
  metering: pg.Client,
  source: string,
  side: SideName,
  runId: number,
  entities: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<number, Buffer>>> {
  // One statement: another run may replace them meanwhile.
  const { rows } = await metering.query<{ table_name: string; part: number; digests: Buffer }>(
    `SELECT table_name, part, digests FROM metering.reconcile_page_digests d JOIN metering.reconcile_pages p USING (source, side)
     WHERE source = $1 AND side = $2 AND p.run_id = $3 AND table_name = ANY ($4::text[])`,
    [source, side, runId, entities],
  );
  const found = new Map<string, Map<number, Buffer>>();
  for (const { table_name: name, part, digests } of rows) {
    const ofTable = found.get(name) ?? new Map<number, Buffer>();
    found.set(name, ofTable.set(part, digests));
  }
  return found;
}

/** Within the transaction that keeps the run. */
export async function keepPages(client: pg.Client, source: string, runId: number, pages: PagesToKeep): Promise<void> {
  const { side, instead, generation, marks, tables, digests } = pages;
  const { rowCount } = await client.query(
    `INSERT INTO metering.reconcile_pages AS kept (source, side, run_id, generation, marks, tables) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (source, side) DO UPDATE
       SET run_id = excluded.run_id, generation = excluded.generation, marks = excluded.marks, tables = excluded.tables
       WHERE kept.run_id = $7`,
    [source, side, runId, generation, JSON.stringify(marks), JSON.stringify(tables), instead],
  );
  if (rowCount === 0) return;
  const entities = [...digests.keys()];
  await client.query(
    `DELETE FROM metering.reconcile_page_digests d WHERE source = $1 AND side = $2 AND NOT EXISTS (
       SELECT FROM unnest($3::text[], $4::int[]) AS t(name, parts) WHERE t.name = d.table_name AND d.part < t.parts)`,
    [source, side, entities, entities.map((entity) => digests.get(entity)?.parts ?? 0)],
  );
  for (const [entity, { changed }] of digests) {
    await client.query(
      `INSERT INTO metering.reconcile_page_digests (source, side, table_name, part, digests)
       SELECT $1, $2, $3, t.part, t.digests FROM unnest($4::int[], $5::bytea[]) AS t(part, digests)
       ON CONFLICT (source, side, table_name, part) DO UPDATE SET digests = excluded.digests`,
      [source, side, entity, [...changed.keys()], [...changed.values()]],
    );
  }
}
