import pg from 'pg';
import type { ClientBase } from 'pg';
import type { StoreSchema } from './settings.ts';

/** How long a lane's row is waited for before it is looked at who has it. */
const lockWait = '2s';
/** A session whose statement waits for its process so long belongs to one that stands still. */
const standsStill = '5 seconds';

/** The row of a lane. */
export interface LaneRow {
  readonly schema: StoreSchema;
  readonly source: string;
  readonly lane: number;
}

/**
 * Does what locks the row of a lane, however often it must be tried. A predecessor that is working is waited for. One that
 * stands still in the middle of a batch (its machine is frozen, its process is stopped) would keep the lane for as long as
 * it does: the server ends its session, which undoes the batch. It has lost the lane already, or nobody would open it; when it
 * wakes, it finds its connection broken and starts over.
 */
export async function pastStaleHolder<T>(
  client: ClientBase,
  row: LaneRow,
  act: () => Promise<T>,
  onEnded: () => void,
): Promise<T> {
  await client.query(`SET lock_timeout = '${lockWait}'`);
  for (;;) {
    try {
      const done = await act();
      await client.query('SET lock_timeout = 0');
      return done;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== '55P03') throw error;
      await client.query('ROLLBACK');
      if (await endStaleHolder(client, row)) onEnded();
    }
  }
}

/** Who has locked a row is written in it, as the transaction that did. */
async function endStaleHolder(client: ClientBase, { schema, source, lane }: LaneRow): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT pg_terminate_backend(a.pid) FROM ${schema}.applied_position p
     JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = p.xmax AND l.granted
     JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE p.source = $1 AND p.lane = $2 AND a.wait_event = 'ClientRead'
       AND a.state_change < clock_timestamp() - interval '${standsStill}'`,
    [source, lane],
  );
  return rows.length > 0;
}
