import type { BothSides, ItemTexts } from './rows.ts';
import type { ReconciledTable } from './tables.ts';

/** Whom the open rows concern: the metering points that the store has say what the rows themselves do not. */
export async function placesOf(
  { storeClient }: BothSides,
  table: ReconciledTable,
  rows: readonly (ItemTexts | null)[],
): Promise<readonly Place[]> {
  const at = (name: string): number => table.items.findIndex((item) => item.name === name);
  const [mpan, distributor, supplier] = [at('mpan_core'), at('distributor_mpid'), at('supplier_mpid')];
  const mpans = mpan < 0 ? [] : [...new Set(rows.flatMap((items) => items?.[mpan] ?? []))];
  const points = new Map<string, Place>();
  if (mpans.length > 0 && table.entity !== 'metering_point') {
    const found = await storeClient.query<Place & { mpan: string }>(
      `SELECT mpan_core AS mpan, distributor_mpid AS distributor, supplier_mpid AS supplier FROM metering.metering_point
       WHERE mpan_core = ANY ($1::text[])`,
      [mpans],
    );
    for (const { mpan: key, ...place } of found.rows) points.set(key, place);
  }
  return rows.map((items) => {
    const point = points.get(items?.[mpan] ?? '');
    return {
      distributor: items?.[distributor] ?? point?.distributor ?? null,
      supplier: items?.[supplier] ?? point?.supplier ?? null,
    };
  });
}

export interface Place {
  readonly distributor: string | null;
  readonly supplier: string | null;
}
