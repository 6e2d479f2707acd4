import { formatLsn } from '../avro/position.ts';
import { type DatabaseSettings, withDatabase } from '../runtime/postgres.ts';
import type { RunScope } from './history.ts';
import { keepPages } from './kept-pages.ts';
import type { Proof } from './reconcile.ts';
import { applicationName } from './sessions.ts';

/** Keeps a run, and moves what is verified where it proved more (P25). */
export async function keepRun(
  metering: DatabaseSettings,
  source: string,
  scope: RunScope,
  proof: Proof,
): Promise<number> {
  const { report, lsn, generation, verified } = proof;
  const unexplained = report.tables.reduce((sum, table) => sum + table.unexplained, 0);
  return withDatabase(metering, applicationName, async (client) => {
    await client.query('BEGIN');
    const { rows } = await client.query<{ run_id: string }>(
      `INSERT INTO metering.reconcile_run (source, at, seconds, verdict, snapshot, lsn, generation, unexplained, document, scope, base)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING run_id`,
      [
        source,
        report.point.at,
        report.seconds,
        report.verdict,
        report.point.snapshot,
        lsn,
        generation,
        unexplained,
        JSON.stringify(report),
        scope,
        JSON.stringify(proof.base),
      ],
    );
    await client.query(
      `INSERT INTO metering.verified_through AS known (source, table_name, generation, lsn, at, run_id)
       SELECT $1, t.name, $2, t.lsn, $3, $4 FROM unnest($5::text[], $6::bigint[]) AS t(name, lsn)
       ON CONFLICT (source, table_name) DO UPDATE
         SET generation = excluded.generation, lsn = excluded.lsn, at = excluded.at, run_id = excluded.run_id
         WHERE (known.generation, known.lsn) < (excluded.generation, excluded.lsn)`,
      [source, generation, report.point.at, rows[0]?.run_id, [...verified.keys()], [...verified.values()]],
    );
    for (const pages of proof.pages) await keepPages(client, source, Number(rows[0]?.run_id), pages);
    await client.query('COMMIT');
    return Number(rows[0]?.run_id);
  });
}

/** Keeps that a run could say nothing, and why. */
export async function keepFailure(
  metering: DatabaseSettings,
  source: string,
  failure: { readonly at: Date; readonly seconds: number; readonly code: string; readonly text: string },
): Promise<void> {
  const { at, seconds, code, text } = failure;
  await withDatabase(metering, applicationName, async (client) => {
    await client.query(
      `INSERT INTO metering.reconcile_run (source, at, seconds, verdict, document) VALUES ($1, $2, $3, 'failed', $4)`,
      [source, at, seconds, JSON.stringify({ code, text })],
    );
  });
}

/** Table → the LSN through which both sides are proved equal, as PostgreSQL prints it. Empty: no run has passed. */
export async function readVerifiedThrough(
  metering: DatabaseSettings,
  source: string,
): Promise<Readonly<Record<string, string>>> {
  return withDatabase(metering, applicationName, async (client) => {
    const { rows } = await client.query<{ table_name: string; lsn: string }>(
      'SELECT table_name, lsn FROM metering.verified_through WHERE source = $1 ORDER BY table_name',
      [source],
    );
    return Object.fromEntries(rows.map((row) => [row.table_name, formatLsn(Number(row.lsn))]));
  });
}
