import type { ClientBase } from 'pg';
import type { Random } from '../random.ts';
import type { Circumstances } from '../unit.ts';
import { switchSupplier } from './business.ts';
import { repaired } from './repair.ts';
import { drawUnits } from './sampler.ts';
import { differences, type LivingUnit, type RowChange } from './state.ts';
import { type Written, writeTransaction } from './writer.ts';

/** Up to so many rows a bulk is a failed supplier; beyond, the yearly review of the line loss factors. */
const failureRowsMax = 5000;
const rowsPerStatement = 5000;
const nothing: Written = {
  metering_point: 0,
  appointment: 0,
  participant: 0,
  distributor_gsp_group: 0,
  meter_asset: 0,
};

/** One transaction of `rows` rows, up to two more where a supplier fails; of none where there is no metering point. */
export async function bulkChange(client: ClientBase, circumstances: Circumstances, rows: number): Promise<Written> {
  return rows <= failureRowsMax
    ? failSupplier(client, circumstances, rows)
    : reviewLossFactors(client, circumstances.random, rows);
}

/** A supplier fails: its points go to another one. Where too few are found, the line loss factors are reviewed instead. */
async function failSupplier(client: ClientBase, circumstances: Circumstances, rows: number): Promise<Written> {
  const { market, random, today } = circumstances;
  const failed = market.supplier(random, today);
  const successor = market.supplier(random, today, failed);
  const throws = Math.ceil(rows / 60);
  const drawn = await drawUnits(client, random, { mpanCores: [], throws, pointsEach: 30, supplier: failed });
  const changes: RowChange[] = [];
  for (const unit of drawn) {
    if (!isServed(unit) || repaired(unit, circumstances) !== null) continue;
    const after = switchSupplier(unit, circumstances, successor);
    if (after === null) continue;
    changes.push(...differences(unit, after));
    if (changes.length >= rows) break;
  }
  if (changes.length < rows) return reviewLossFactors(client, random, rows);
  const inOrder = changes.toSorted((left, right) => rank(left) - rank(right));
  return writeTransaction(client, inOrder);
}

/** Rows of one table and operation together, so that they go in one statement. */
function rank({ table, operation }: RowChange): number {
  return (table === 'metering_point' ? 0 : 2) + (operation === 'insert' ? 1 : 0);
}

function isServed(unit: LivingUnit): unit is LivingUnit & { readonly point: NonNullable<LivingUnit['point']> } {
  return unit.point !== null;
}

/**
 * From somewhere on, point after point gets a new factor, round after round until the rows are reached, in the database
 * and in pieces: a million rows need no memory here.
 */
async function reviewLossFactors(client: ClientBase, random: Random, rows: number): Promise<Written> {
  let done = 0;
  let after = random.digits(13);
  await client.query('BEGIN');
  try {
    while (done < rows) {
      const piece = await client.query<{ last: string | null; rows: string }>(reviewPiece, [
        after,
        Math.min(rowsPerStatement, rows - done),
        random.between(1, 9),
      ]);
      const changed = Number(piece.rows[0]?.rows ?? 0);
      if (changed === 0 && after === '') break;
      done += changed;
      after = changed === 0 ? '' : (piece.rows[0]?.last ?? '');
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
  return { ...nothing, metering_point: done };
}

/** A factor between 0.9 and 1.2 that is not the one before, whatever that was. */
const reviewPiece = `
  WITH piece AS (
    SELECT mpan_core FROM registration.metering_point WHERE mpan_core > $1 ORDER BY mpan_core LIMIT $2
  ), changed AS (
    UPDATE registration.metering_point AS p
    SET line_loss_factor = 0.9 + mod(abs(hashtext(p.mpan_core))::numeric + $3::int * 30011
      + CASE WHEN p.line_loss_factor BETWEEN 0 AND 100 THEN p.line_loss_factor ELSE 1 END * 1000, 300) / 1000
    FROM piece WHERE p.mpan_core = piece.mpan_core RETURNING p.mpan_core
  ) SELECT max(mpan_core) AS last, count(*) AS rows FROM changed`;
