import type { ClientBase } from 'pg';
import { entityTables, type StoredEntity } from './entities.ts';
import { overtakenSql } from './retention-sql.ts';

/** How long history is kept: an agent keeps its data for 40 months after the end of an appointment. */
export const historyMonthsDefault = 40;

/** Rows of history that are looked at in one transaction: short locks, and little to do again after an interruption. */
const rowsPerStep = 5_000;

export interface Removal {
  readonly entity: StoredEntity;
  /** So far. */
  readonly rows: number;
}

/**
 * Removes versions that no answer about `keepFrom` or later needs, table by table and in steps of one short transaction,
 * and tells after each how far it is. To stop, do not ask for the next step: what is removed stays removed, and the store
 * has said so in the same transaction. With `dryRun` they are counted only.
 */
export async function* removeHistory(
  client: ClientBase,
  keepFrom: Date,
  { dryRun }: { readonly dryRun: boolean },
): AsyncGenerator<Removal> {
  for (const { entity, key } of Object.values(entityTables)) {
    const [leading = ''] = key;
    const act = dryRun ? countSql(entity) : removeSql(entity);
    let rows = 0;
    for (let after: string | null = null; ; ) {
      const through: string | null = await endOfStep(client, entity, leading, after);
      if (through === null) break;
      const { rows: answer } = await client.query<{ rows: string }>(act, [after, through, keepFrom]);
      rows += Number(answer[0]?.rows ?? 0);
      after = through;
      yield { entity, rows };
    }
    yield { entity, rows };
  }
}

/** The key with which the next step ends: all versions of a key are in one step. */
async function endOfStep(
  client: ClientBase,
  entity: StoredEntity,
  key: string,
  after: string | null,
): Promise<string | null> {
  const { rows } = await client.query<{ through: string | null }>(
    `SELECT max(${key}) AS through FROM (
       SELECT ${key} FROM metering.${entity}_history WHERE $1::text IS NULL OR ${key} > $1 ORDER BY ${key} LIMIT ${rowsPerStep}
     ) step`,
    [after],
  );
  return rows[0]?.through ?? null;
}

function countSql(entity: StoredEntity): string {
  return `${overtakenSql(entity)} SELECT count(*) AS rows FROM overtaken`;
}

/** The store says from when on it can answer in the transaction that makes it so. */
function removeSql(entity: StoredEntity): string {
  return `${overtakenSql(entity)}, removed AS (
      DELETE FROM metering.${entity}_history h USING overtaken o WHERE h.ctid = o.place RETURNING 1
    ), said AS (
      INSERT INTO metering.history_kept_from AS k (entity, since) SELECT '${entity}', $3::timestamptz WHERE EXISTS (SELECT FROM removed)
      ON CONFLICT (entity) DO UPDATE SET since = greatest(k.since, excluded.since), set_at = now()
    ) SELECT count(*) AS rows FROM removed`;
}
