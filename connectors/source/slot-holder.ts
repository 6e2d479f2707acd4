import pg from 'pg';
import { databaseFault, endClient } from '../../runtime/postgres.ts';
import { Fault } from '../../runtime/fault.ts';

/**
 * Faults with SLOT_IN_USE when somebody streams from the slot. Asked before the publisher is opened: opening it fences,
 * and a second instance, started by mistake, must not push a healthy one out only to fail at the slot itself.
 */
export async function demandFreeSlot(database: pg.ClientConfig, slot: string): Promise<void> {
  const client = new pg.Client(database);
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ holder: number | null }>(
      'SELECT active_pid AS holder FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()',
      [slot],
    );
    const holder = rows[0]?.holder ?? null;
    if (holder !== null) throw slotInUse(slot, holder);
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await endClient(client);
  }
}

/** `holder` is the server process that streams, where it is known. */
export function slotInUse(slot: string, holder: number | null, cause?: unknown): Fault {
  const by = holder === null ? '' : ` (server process ${holder})`;
  return new Fault(
    'unavailable',
    'SLOT_IN_USE',
    `The replication slot ${slot} is in use by another connection${by}. It is waited for.`,
    { slot, holder },
    cause,
  );
}
