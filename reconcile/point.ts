import pg from 'pg';
import { formatLsn } from '../avro/position.ts';
import { quoteTable } from '../connectors/source/sql.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { databaseFault, type DatabaseSettings, withDatabase } from '../runtime/postgres.ts';
import { applicationName, SnapshotSessions } from './sessions.ts';
import type { ReconciledTable } from './tables.ts';
import { parseSnapshot, type Visibility } from './visibility.ts';

/** The point of a comparison: what one snapshot of the registration database sees. */
export interface Point {
  readonly sessions: SnapshotSessions;
  readonly seen: Visibility;
  /** Every change that the snapshot sees was committed below this LSN (P22). */
  readonly lsn: number;
}

const lockTimeoutMs = 2_000;
const lockAttempts = 5;

/** Takes the point. `generation`: the source's, from its progress. */
export async function takePoint(
  database: DatabaseSettings,
  tables: readonly ReconciledTable[],
  workers: number,
  generation: number,
  silenceMaxMs: number,
  signal?: AbortSignal,
): Promise<Point> {
  await refuseStandby(database);
  const sessions = await openPatiently(
    database,
    workers,
    tables.map(({ route }) => quoteTable(route)),
    silenceMaxMs,
    signal,
  );
  try {
    const lsn = await mark(database);
    return { sessions, seen: parseSnapshot(sessions.snapshot, generation), lsn };
  } catch (error) {
    await sessions.close();
    throw error;
  }
}

/** A standby's snapshots do not list the transactions in progress (P21). */
async function refuseStandby(database: DatabaseSettings): Promise<void> {
  await withDatabase(database, applicationName, async (client) => {
    const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (rows[0]?.standby !== true) return;
    throw new Fault(
      'misconfigured',
      'RECONCILE_STANDBY',
      'The registration database is a standby, whose snapshots do not say which transactions are in progress.',
    );
  });
}

/** A transaction that holds a table for itself (TRUNCATE, ALTER) is let go first. */
async function openPatiently(
  database: DatabaseSettings,
  workers: number,
  lock: readonly string[],
  silenceMaxMs: number,
  signal: AbortSignal | undefined,
): Promise<SnapshotSessions> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await SnapshotSessions.open(database, workers, lock, lockTimeoutMs, silenceMaxMs, signal);
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      if (attempt === lockAttempts) {
        throw new Fault(
          'unavailable',
          'RECONCILE_TABLE_LOCKED',
          `Another session has held one of ${lock.join(', ')} for itself for ${(lockAttempts * lockTimeoutMs) / 1000} s.`,
          {},
          error,
        );
      }
    }
  }
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof Fault && error.cause instanceof pg.DatabaseError && error.cause.code === '55P03';
}

/**
 * Where the log stands now that the snapshot is taken, and messages after it, which take the stream beyond even when
 * nothing else happens. Two, because a message that follows a commit directly moves no watermark.
 */
async function mark(database: DatabaseSettings): Promise<number> {
  return withDatabase(database, applicationName, async (client) => {
    const { rows } = await client.query<{ lsn: string; version: number }>(
      `SELECT (pg_current_wal_insert_lsn() - '0/0')::text AS lsn, current_setting('server_version_num')::int AS version`,
    );
    const [row] = rows;
    if (row === undefined) throw new RangeError('the server told no LSN');
    if (row.version >= 170_000) {
      await client.query(
        `SELECT pg_logical_emit_message(false, 'concord', 'reconcile'), pg_logical_emit_message(false, 'concord', 'reconcile', true)`,
      );
    } else {
      // What flushes the log here is a commit.
      await client.query(`SET synchronous_commit = on; SELECT pg_logical_emit_message(false, 'concord', 'reconcile');
        SELECT pg_logical_emit_message(true, 'concord', 'reconcile')`);
    }
    return Number(row.lsn);
  });
}

interface LaneRow {
  readonly lane: number;
  readonly generation: number;
  readonly lsn: string;
}

export interface LaneWait {
  readonly source: string;
  readonly lanes: number;
  readonly generation: number;
  readonly lsn: number;
  /** So long without a move of any lane that is behind, and the pipe is taken to stand still. */
  readonly patienceMs: number;
}

/** Waits until every lane of the store has everything that was committed below the LSN. */
export async function waitForLanes(
  database: DatabaseSettings,
  wait: LaneWait,
  tell: (text: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  await withDatabase(database, applicationName, async (client) => {
    let before = '';
    let movedAt = monotonicMs();
    for (;;) {
      const behind = await lanesBehind(client, wait);
      if (behind.length === 0) return;
      signal?.throwIfAborted();
      const now = behind.join('; ');
      if (now !== before) movedAt = monotonicMs();
      before = now;
      if (monotonicMs() - movedAt > wait.patienceMs) throw standing(wait, behind);
      tell(`waiting until the store has everything below ${formatLsn(wait.lsn)}: ${now}`);
      await pause(50, signal);
    }
  }).catch((error: unknown) => {
    throw databaseFault(error);
  });
}

async function lanesBehind(client: pg.Client, wait: LaneWait): Promise<readonly string[]> {
  const { rows } = await client.query<LaneRow>(
    'SELECT lane, generation, lsn FROM metering.applied_position WHERE source = $1 ORDER BY lane',
    [wait.source],
  );
  const byLane = new Map(rows.map((row) => [row.lane, row]));
  const behind: string[] = [];
  for (let lane = 0; lane < wait.lanes; lane += 1) {
    const row = byLane.get(lane);
    if (row === undefined) behind.push(`lane ${lane} has applied nothing`);
    else if (row.generation < wait.generation) behind.push(`lane ${lane} is in generation ${row.generation}`);
    else if (row.generation === wait.generation && Number(row.lsn) < wait.lsn - 1)
      behind.push(`lane ${lane} is at ${formatLsn(Number(row.lsn))}`);
  }
  return behind;
}

function standing({ lsn, patienceMs }: LaneWait, behind: readonly string[]): Fault {
  return new Fault(
    'unavailable',
    'RECONCILE_STORE_BEHIND',
    `The store does not come to ${formatLsn(lsn)}, where it would be compared: ${behind.join('; ')}, and nothing has moved for ${Math.round(patienceMs / 1000)} s.`,
    { lsn: formatLsn(lsn) },
  );
}
