import pg from 'pg';
import { formatLsn } from '../../avro/position.ts';
import { pause } from '../../runtime/clock.ts';
import { databaseFault, endClient } from '../../runtime/postgres.ts';
import type { SourceReport } from './report.ts';

/** The row whose token shows that the history which we stream is the one that we know (P8). */
export const heartbeatTable = 'concord.heartbeat';

export interface HeartbeatSettings {
  readonly database: pg.ClientConfig;
  readonly source: string;
  readonly intervalMs: number;
}

/** Writes the heartbeat row at an interval, so that an idle database makes progress and its slot holds no WAL. */
export async function beatHeart(settings: HeartbeatSettings, report: SourceReport, signal: AbortSignal): Promise<void> {
  const client = new pg.Client(settings.database);
  client.on('error', () => {});
  try {
    await client.connect();
    while (!signal.aborted) {
      await client.query('UPDATE concord.heartbeat SET token = token + 1, at = now() WHERE id = 1');
      await leaveMark(client, settings.source, report);
      await pause(settings.intervalMs, signal);
    }
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await endClient(client);
  }
}

/** What is committed on the progress topic is noted in the database, too, so that a topic that was set back is noticed. */
async function leaveMark(client: pg.Client, source: string, { position, endLsn }: SourceReport): Promise<void> {
  if (endLsn === 0) return;
  await client.query(
    `INSERT INTO concord.source_state VALUES ($1, $2, $3, now())
     ON CONFLICT (source) DO UPDATE SET generation = excluded.generation, end_lsn = excluded.end_lsn, at = now()
     WHERE (source_state.generation, source_state.end_lsn) < (excluded.generation, excluded.end_lsn)`,
    [source, position.generation, formatLsn(endLsn)],
  );
}
