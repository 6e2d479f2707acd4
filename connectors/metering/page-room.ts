import type { ClientBase } from 'pg';
import { appointmentTable, meterAssetTable, meteringPointTable } from './entities.ts';
import { readRows } from './read-rows.ts';

const loadedWith = 'fillfactor=80';
const tables = [meteringPointTable, appointmentTable, meterAssetTable].map(({ entity }) => entity);

/**
 * To be called when the initial load is complete. Until then a fifth of each page is left for updates. PostgreSQL cleans a page
 * that is read whenever less is free than its fillfactor leaves, but a tenth at least: with the fillfactor of the load it
 * would clean, and log that, at nearly every read of a page that was once updated. With this one it cleans several rows at a
 * time, and updates find room as before.
 *
 * Who has given the tables another fillfactor keeps it. Where the lock is not to be had at once, or the tables belong to
 * somebody else, all stays as it is: it costs time only.
 */
export async function settleRoom(client: ClientBase): Promise<void> {
  const found = await readRows(
    client,
    `SELECT relname FROM pg_class WHERE relnamespace = 'metering'::regnamespace AND relname = ANY($1) AND $2 = ANY(reloptions)`,
    [tables, loadedWith],
  );
  if (found.length === 0) return;
  const alter = found.map(([table]) => `ALTER TABLE metering.${table} SET (fillfactor = 90);`);
  await client.query(`DO $$
    DECLARE
      before text := current_setting('lock_timeout');
    BEGIN
      PERFORM set_config('lock_timeout', '50ms', true);
      ${alter.join('\n      ')}
      PERFORM set_config('lock_timeout', before, true);
    EXCEPTION WHEN lock_not_available OR insufficient_privilege THEN NULL;
    END $$`);
}
