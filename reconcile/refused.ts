import type { Difference } from './report.ts';
import type { BothSides } from './rows.ts';

/** Rows of a table that are refused, and how many by which rule. `told`: keys of which something else is told. */
export async function refusedOf(
  { store, storeClient }: BothSides,
  listedMax: number,
  told: readonly string[],
): Promise<{ readonly refused: readonly Difference[]; readonly rules: Readonly<Record<string, number>> }> {
  if (store.table.laneKey === null) return { refused: [], rules: {} };
  const listed = await storeClient.query<{ key: string; outcome: 'rejected' | 'held' | 'loading'; codes: string[] }>(
    store.refused(),
    [listedMax],
  );
  const counted = await storeClient.query<{ code: string; rows: string }>(store.refusedByRule(), [told]);
  return {
    refused: listed.rows.map(({ key, outcome, codes }) => ({
      table: store.table.entity,
      key,
      cause: outcome,
      items: [],
      values: {},
      rules: codes,
    })),
    rules: Object.fromEntries(counted.rows.map(({ code, rows }) => [code, Number(rows)])),
  };
}
