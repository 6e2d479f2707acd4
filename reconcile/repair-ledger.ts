import { type DatabaseSettings, withDatabase } from '../runtime/postgres.ts';
import { userName } from '../runtime/user-name.ts';
import type { RepairRow } from './repair-plan.ts';
import { applicationName } from './sessions.ts';

export type RepairState = 'asked' | 'proved' | 'unproved' | 'failed';

/** A repair as it is kept. */
export interface KeptRepair {
  readonly id: number;
  readonly askedAt: Date;
  /** The operating system's user, and the database's. */
  readonly askedBy: string;
  readonly databaseUser: string;
  readonly state: RepairState;
  readonly problem: string | null;
  /** Of the run that found the rows, and of the one that looked again. */
  readonly runId: number;
  readonly provedByRunId: number | null;
  /** The source's snapshots. */
  readonly jobs: readonly number[];
  readonly rows: number;
  readonly endedAt: Date | null;
}

/** Writes down what is about to be sent, before the source is asked. */
export async function openRepair(
  metering: DatabaseSettings,
  source: string,
  runId: number,
  rows: readonly RepairRow[],
): Promise<number> {
  return withDatabase(metering, applicationName, async (client) => {
    await client.query('BEGIN');
    const inserted = await client.query<{ id: number }>(
      'INSERT INTO metering.repair (source, asked_by, run_id) VALUES ($1, $2, $3) RETURNING repair_id::int AS id',
      [source, userName(), runId],
    );
    const id = inserted.rows[0]?.id ?? 0;
    await client.query(
      `INSERT INTO metering.repair_row (repair_id, table_name, row_key, cause, action, changes)
       SELECT $1, r ->> 'table', r ->> 'key', r ->> 'cause', r ->> 'action', r -> 'changes' FROM jsonb_array_elements($2::jsonb) AS r`,
      [id, JSON.stringify(rows)],
    );
    await client.query('COMMIT');
    return id;
  });
}

export async function addRepairJob(metering: DatabaseSettings, id: number, job: number): Promise<void> {
  await withDatabase(metering, applicationName, async (client) => {
    await client.query('UPDATE metering.repair SET jobs = jobs || $2::bigint WHERE repair_id = $1', [id, job]);
  });
}

export async function endRepair(
  metering: DatabaseSettings,
  id: number,
  end: { readonly state: RepairState; readonly problem: string | null; readonly provedByRunId: number | null },
): Promise<void> {
  await withDatabase(metering, applicationName, async (client) => {
    await client.query(
      `UPDATE metering.repair SET state = $2, problem = $3, proved_by_run_id = $4, ended_at = now() WHERE repair_id = $1`,
      [id, end.state, end.problem, end.provedByRunId],
    );
  });
}

/** The newest first. */
export async function readRepairs(
  metering: DatabaseSettings,
  source: string,
  limit: number,
): Promise<readonly KeptRepair[]> {
  return withDatabase(metering, applicationName, async (client) => {
    const { rows } = await client.query<KeptRepair>(
      `SELECT repair_id::int AS id, asked_at AS "askedAt", asked_by AS "askedBy", database_user AS "databaseUser", state, problem,
         run_id::int AS "runId", proved_by_run_id::int AS "provedByRunId", jobs::int[] AS jobs, ended_at AS "endedAt",
         (SELECT count(*) FROM metering.repair_row r WHERE r.repair_id = p.repair_id)::int AS rows
       FROM metering.repair p WHERE source = $1 ORDER BY repair_id DESC LIMIT $2`,
      [source, limit],
    );
    return rows;
  });
}
