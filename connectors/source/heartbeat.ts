import pg from 'pg';
import { pause } from '../../runtime/clock.ts';
import { databaseFault } from '../../runtime/postgres.ts';
import type { SourceReport } from './report.ts';

/** The row whose token shows that the history which we stream is the one that we know (P8). */
export const heartbeatTable = 'concord.heartbeat';

export interface HeartbeatSettings {
  readonly database: pg.ClientConfig;
  readonly slot: string;
  readonly intervalMs: number;
}

/**
 * Writes the heartbeat row at an interval, so that an idle database makes progress and its slot holds no WAL, and
 * asks on the way how much WAL the slot retains.
 */
export async function beatHeart(settings: HeartbeatSettings, report: SourceReport, signal: AbortSignal): Promise<void> {
  const client = new pg.Client(settings.database);
  client.on('error', () => {});
  try {
    await client.connect();
    while (!signal.aborted) {
      await client.query('UPDATE concord.heartbeat SET token = token + 1, at = now() WHERE id = 1');
      const { rows } = await client.query<{ retained: string | null; safe: string | null }>(
        `SELECT pg_current_wal_lsn() - restart_lsn AS retained, safe_wal_size AS safe
         FROM pg_replication_slots WHERE slot_name = $1`,
        [settings.slot],
      );
      report.retainedWalBytes = numberOrNull(rows[0]?.retained ?? null);
      report.safeWalBytes = numberOrNull(rows[0]?.safe ?? null);
      await pause(settings.intervalMs, signal);
    }
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await client.end().catch(() => {});
  }
}

function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text);
}
