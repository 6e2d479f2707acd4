import pg from 'pg';
import { mirrorSession } from '../../connectors/metering/mirror/mirror-lane.ts';
import { clientConfigOf, type DatabaseSettings, databaseFault, endClient } from '../../runtime/postgres.ts';
import { silenceMaxMs, SilenceWatch } from '../../runtime/silence-watch.ts';

/**
 * Reads a store as it is at one moment, with the session in which the texts of both stores mean the same. A server that says
 * nothing at all for `limitMs` is given up; one that takes its time is not.
 */
export async function withSnapshot<T>(
  database: DatabaseSettings,
  act: (client: pg.Client) => Promise<T>,
  limitMs = silenceMaxMs,
): Promise<T> {
  const client = new pg.Client(clientConfigOf(database, 'concord replay'));
  client.on('error', () => {});
  const watch = new SilenceWatch(clientConfigOf(database, 'concord replay watch'), [client], limitMs);
  try {
    await client.connect();
    await client.query(mirrorSession);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await act(client);
  } catch (error) {
    throw databaseFault(error);
  } finally {
    watch.stop();
    await endClient(client);
  }
}
