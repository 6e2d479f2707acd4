import type { TestStore } from './store.fixture.ts';

const replicated = ['metering_point', 'appointment', 'participant', 'distributor_gsp_group', 'meter_asset'];
const tables = [
  ...replicated,
  ...replicated.map((table) => `${table}_history`),
  'rejection',
  'rejected_event',
  'held',
  'last_received',
  'outcome',
];

/** The store, row for row, without what tells when it was written. */
export async function storeContents(store: TestStore): Promise<Record<string, readonly unknown[]>> {
  const contents: Record<string, readonly unknown[]> = {};
  for (const name of tables) {
    // An outcome that was and is no more is a row with nothing in it.
    const rows = await store.rows(
      `SELECT row FROM metering.${name} t CROSS JOIN LATERAL (SELECT to_jsonb(t) - 'applied_at' - 'superseded_at' AS row) r
       WHERE row -> 'count' IS DISTINCT FROM '0'::jsonb ORDER BY row::text`,
    );
    contents[name] = rows.map(({ row }) => row);
  }
  return contents;
}
