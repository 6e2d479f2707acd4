import { createHash } from 'node:crypto';
import pg from 'pg';
import { parseLsn } from '../../avro/position.ts';
import { databaseFault, endClient } from '../../runtime/postgres.ts';
import type { SourceSettings } from './contract.ts';
import { withoutWaiting } from './held-table.ts';
import { type GivenUp, readGivenUp } from './last-resort.ts';
import { readTimelineSwitches, type TimelineSwitch } from './timeline.ts';

/** What the source must know of its server before it streams. LSNs are numbers. */
export interface ServerState {
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** The timelines that lead to this one, and up to which LSN each belongs to our history. */
  readonly timelineSwitches: readonly TimelineSwitch[];
  /** How far the server's WAL is on disk. */
  readonly currentLsn: number;
  /** How far we once were, as it is noted in the database; null if nothing is noted. */
  readonly mark: { readonly generation: number; readonly endLsn: number } | null;
  /** The slot was given up as the last resort, and that is not healed yet. */
  readonly givenUp: GivenUp | null;
  /** Any 64-bit xid of the present. */
  readonly xidAnchor: number;
  readonly slot: {
    readonly confirmedLsn: number;
    readonly status: string;
    /** Why the server has invalidated it, in its own word, where it says so. */
    readonly invalidation?: string | null;
  } | null;
  /** The other database of the server in which the slot of that name is. */
  readonly slotElsewhere: string | null;
  /** The heartbeat row's token as it is now; null if there is no such row. */
  readonly heartbeatToken: number | null;
  /** Of the publication's tables and options: a change of it changes the ordinals (P7). */
  readonly publicationHash: string;
  readonly statusIntervalMs: number;
}

interface SlotRow {
  readonly confirmed: string | null;
  readonly status: string | null;
  readonly invalidation: string | null;
  readonly database: string | null;
  readonly here: boolean;
}

const statusIntervalMaxMs = 10_000;

export async function readServerState(
  database: pg.ClientConfig,
  { name, slot, publication }: Pick<SourceSettings, 'name' | 'slot' | 'publication'>,
): Promise<ServerState> {
  const client = new pg.Client(database);
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{
      system: string;
      wal_file: string;
      flushed: string;
      xmax: string;
      sender_timeout: string;
    }>(
      `SELECT (SELECT system_identifier FROM pg_control_system())::text AS system,
              pg_walfile_name(pg_current_wal_lsn()) AS wal_file, pg_current_wal_flush_lsn()::text AS flushed,
              pg_snapshot_xmax(pg_current_snapshot())::text AS xmax,
              (SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout') AS sender_timeout`,
    );
    const slots = await client.query<SlotRow>(
      `SELECT confirmed_flush_lsn::text AS confirmed, wal_status AS status, to_jsonb(s) ->> 'invalidation_reason' AS invalidation,
              database, database IS NOT DISTINCT FROM current_database() AS here
       FROM pg_replication_slots s WHERE slot_name = $1`,
      [slot],
    );
    const [server] = rows;
    if (server === undefined) throw new RangeError('the server says nothing of itself');
    const timeline = Number.parseInt(server.wal_file.slice(0, 8), 16);
    const senderTimeoutMs = Number(server.sender_timeout);
    return {
      systemIdentifier: server.system,
      timeline,
      timelineSwitches: timeline > 1 ? await readTimelineSwitches(database, timeline) : [],
      currentLsn: parseLsn(server.flushed),
      mark: await readMark(client, name),
      givenUp: await readGivenUp(client, name),
      xidAnchor: Number(server.xmax),
      slot: slotState(slots.rows[0]),
      slotElsewhere: slots.rows[0]?.here === false ? slots.rows[0].database : null,
      heartbeatToken: await readHeartbeatToken(client),
      publicationHash: await withoutWaiting(client, publication, () => hashPublication(client, publication)),
      statusIntervalMs:
        senderTimeoutMs === 0 ? statusIntervalMaxMs : Math.min(statusIntervalMaxMs, senderTimeoutMs / 4),
    };
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await endClient(client);
  }
}

function slotState(row: SlotRow | undefined): ServerState['slot'] {
  // A slot that is invalid has no confirmed position any more in some versions; it is there all the same.
  if (row === undefined || !row.here || (row.confirmed === null && row.status !== 'lost')) return null;
  const { confirmed, status, invalidation } = row;
  return { confirmedLsn: confirmed === null ? 0 : parseLsn(confirmed), status: status ?? '', invalidation };
}

async function readHeartbeatToken(client: pg.Client): Promise<number | null> {
  const { rows: there } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('concord.heartbeat') IS NOT NULL AS there`,
  );
  if (there[0]?.there !== true) return null;
  const { rows } = await client.query<{ token: string }>('SELECT token FROM concord.heartbeat WHERE id = 1');
  return rows[0] === undefined ? null : Number(rows[0].token);
}

export async function readMark(client: Pick<pg.ClientBase, 'query'>, source: string): Promise<ServerState['mark']> {
  const { rows: there } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('concord.source_state') IS NOT NULL AS there`,
  );
  if (there[0]?.there !== true) return null;
  const { rows } = await client.query<{ generation: number; end: string }>(
    'SELECT generation, end_lsn::text AS end FROM concord.source_state WHERE source = $1',
    [source],
  );
  return rows[0] === undefined ? null : { generation: rows[0].generation, endLsn: parseLsn(rows[0].end) };
}

/** Without the columns: a table that is altered has others, and no change of it another ordinal. */
async function hashPublication(client: pg.Client, publication: string): Promise<string> {
  const { rows } = await client.query<{ description: string }>(
    `SELECT jsonb_build_object(
       'options', (SELECT to_jsonb(p) - 'oid' - 'pubowner' FROM pg_publication p WHERE p.pubname = $1),
       'tables', (SELECT jsonb_agg(to_jsonb(t) - 'attnames' ORDER BY t.schemaname, t.tablename) FROM pg_publication_tables t WHERE t.pubname = $1)
     )::text AS description`,
    [publication],
  );
  return createHash('sha256')
    .update(rows[0]?.description ?? '')
    .digest('hex')
    .slice(0, 32);
}
