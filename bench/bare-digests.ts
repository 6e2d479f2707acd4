import type { ConcordRound } from './concord-rig.ts';
import { query } from './servers.ts';

const items = `mpan_core, gsp_group, distributor_mpid, supplier_mpid, supplier_efd, market_segment, data_service_mpid,
  data_service_efd, measurement_quantity, domestic, load_shape_category, connection_type, metering_service_mpid,
  metering_service_efd, line_loss_factor, line_loss_factor_class, opt_out`;

/** Rows, digests and buckets of one table, as plainly as it can be asked for: no snapshot of the other side, no causes. */
function digest(table: string): string {
  return `SELECT bucket, count(*), bit_xor(h), sum(h) FROM (
      SELECT hashtextextended(mpan_core, 0) & 1023 AS bucket, hash_record_extended(row(${items}), 0) AS h FROM ${table}) d
    GROUP BY bucket`;
}

/** Seconds that both digests take when they are asked for at once. */
export async function bareDigests(round: ConcordRound): Promise<number> {
  const begun = performance.now();
  await Promise.all([
    query(round.sourceUrl, digest('registration.metering_point')),
    query(round.storeUrl, digest(round.storeTable)),
  ]);
  return (performance.now() - begun) / 1_000;
}
