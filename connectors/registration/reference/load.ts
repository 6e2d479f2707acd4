import type { ClientBase } from 'pg';
import type { Edition, ReferenceSet, ReferenceTable } from './contract.ts';
import type { ReferencePlace } from './places.ts';
import { applyStaged, readChanges, readVersion, type ReferenceChange, stage } from './statements.ts';

/** What a load changes, or would change, in one table. */
export interface TableChanges {
  readonly table: ReferenceTable;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly unchanged: number;
  readonly changes: readonly ReferenceChange[];
}

/** Why a good set of files is not loaded all the same. */
export interface Refusal {
  readonly code: 'REFERENCE_OLDER' | 'REFERENCE_OUT_OF_TURN';
  readonly text: string;
}

export interface LoadAnswer {
  /** The version that was there before. */
  readonly versionBefore: number | null;
  readonly refusal: Refusal | null;
  readonly tables: readonly TableChanges[];
}

export interface LoadOptions {
  /** Shows and changes nothing. */
  readonly onlyPlan: boolean;
  /** Takes an older version, and an increment that does not build on what is there. */
  readonly isForced: boolean;
}

const lockLimit = '10s';

/**
 * Brings the reference tables to the edition of the files, in one transaction: nobody sees half of it, and the topics
 * carry it as one transaction. Loads follow one another: each holds the tables until its end.
 */
export async function loadReference(
  client: ClientBase,
  places: ReadonlyMap<ReferenceTable, ReferencePlace>,
  set: ReferenceSet,
  options: LoadOptions,
): Promise<LoadAnswer> {
  await client.query('BEGIN');
  try {
    if (!options.onlyPlan) await lock(client, places);
    const versionBefore = await readVersion(client, places);
    const refusal = options.isForced ? null : refusalOf(set.edition, versionBefore);
    const isFull = set.edition.set === 'full';
    const tables: TableChanges[] = [];
    for (const [table, place] of places) {
      const rows = set.rows.get(table);
      if (rows === undefined) continue;
      await stage(client, place, rows);
      const { changes, unchanged } = await readChanges(client, place, isFull);
      tables.push({ table, ...countsOf(changes), unchanged, changes });
      if (refusal === null && !options.onlyPlan) await applyStaged(client, place, isFull, set.edition.version);
    }
    if (refusal === null && !options.onlyPlan) await keepLoad(client, set, versionBefore, tables);
    await client.query(refusal === null && !options.onlyPlan ? 'COMMIT' : 'ROLLBACK');
    return { versionBefore, refusal, tables };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

function refusalOf(edition: Edition, before: number | null): Refusal | null {
  const there = before === null ? 'there is none' : `version ${before} is`;
  if (before !== null && edition.version < before) {
    return {
      code: 'REFERENCE_OLDER',
      text: `The files are version ${edition.version}, and version ${before} is there already.`,
    };
  }
  if (edition.set === 'increment' && edition.base !== before && edition.version !== before) {
    return {
      code: 'REFERENCE_OUT_OF_TURN',
      text: `The increment builds on version ${edition.base}, and ${there} there: what lies between would be missing.`,
    };
  }
  return null;
}

async function lock(client: ClientBase, places: ReadonlyMap<ReferenceTable, ReferencePlace>): Promise<void> {
  const tables = [...places.values()].map(({ table }) => table);
  await client.query(`SET LOCAL lock_timeout = '${lockLimit}'`);
  await client.query(`LOCK TABLE ${tables.join(', ')} IN SHARE ROW EXCLUSIVE MODE`);
}

function countsOf(changes: readonly ReferenceChange[]): { added: number; changed: number; removed: number } {
  const of = (kind: ReferenceChange['kind']): number => changes.filter((change) => change.kind === kind).length;
  return { added: of('add'), changed: of('change'), removed: of('remove') };
}

/** Which edition was loaded when, by whom: an edition may change no participant, and has been loaded all the same. */
async function keepLoad(
  client: ClientBase,
  { edition, files }: ReferenceSet,
  versionBefore: number | null,
  tables: readonly TableChanges[],
): Promise<void> {
  await client.query(`
    CREATE SCHEMA IF NOT EXISTS concord;
    CREATE TABLE IF NOT EXISTS concord.reference_load (
      load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      version int NOT NULL,
      edition text NOT NULL,
      base int,
      version_before int,
      files text[] NOT NULL,
      counts jsonb NOT NULL,
      loaded_by text NOT NULL DEFAULT session_user,
      loaded_at timestamptz NOT NULL DEFAULT now()
    )`);
  const counts = Object.fromEntries(
    tables.map(({ table, added, changed, removed, unchanged }) => [table, { added, changed, removed, unchanged }]),
  );
  await client.query(
    `INSERT INTO concord.reference_load (version, edition, base, version_before, files, counts)
       VALUES ($1, $2, $3, $4, $5, $6)`,
    [edition.version, edition.set, edition.base, versionBefore, files, JSON.stringify(counts)],
  );
}
