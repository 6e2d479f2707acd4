import type { ClientBase } from 'pg';
import { timestampText } from './copy-text.ts';
import type { Effects } from './effects.ts';
import { readRows } from './read-rows.ts';
import { codesReadingReference } from './rules/reading-reference.ts';
import { heldCodes, loadingCode } from './settle.ts';

/**
 * What waits in one lane, or was refused by reference data, as far as it must be known before a batch. What comes to wait
 * is added in memory; what no longer waits is found out by the pass that looks for it in vain, after which all is read again.
 */
export class HeldLane {
  /** Epoch microseconds; null when nothing ends by itself. */
  deadline: number | null = null;
  waitsForLoad = false;
  /** Something waits for reference data, or an open rejection depends on it. */
  waitsForReference = false;
  private readonly source: string;
  private readonly lane: number;
  private isKnown = false;

  constructor(source: string, lane: number) {
    this.source = source;
    this.lane = lane;
  }

  add(effects: Effects): void {
    for (const { held } of effects.heldAdded.values()) {
      if (held.due === null) this.waitsForLoad = true;
      else this.deadline = Math.min(this.deadline ?? held.due, held.due);
    }
    if (dependOnReference(effects)) this.waitsForReference = true;
  }

  forget(): void {
    this.isKnown = false;
  }

  async refresh(client: ClientBase): Promise<void> {
    if (this.isKnown) return;
    const [row] = await readRows(
      client,
      `SELECT (extract(epoch FROM min(due)) * 1000000)::bigint, bool_or(rule_codes && $3), coalesce(bool_or(rule_codes && $4), false)
         OR EXISTS (SELECT FROM metering.rejected_event WHERE source = $1 AND lane = $2)
       FROM metering.held WHERE source = $1 AND lane = $2`,
      [this.source, this.lane, [loadingCode], codesReadingReference],
    );
    const [due, loading, reference] = row ?? [];
    this.deadline = due === null || due === undefined ? null : Number(due);
    this.waitsForLoad = loading === 't';
    this.waitsForReference = reference === 't';
    this.isKnown = true;
  }

  /** Keys that wait for one of the codes, a chunk of them in the order of the keys, after `after`. */
  waitingFor(
    client: ClientBase,
    codes: readonly string[],
    after: string | null,
    limit: number,
  ): Promise<readonly HeldKey[]> {
    return this.keys(client, 'rule_codes && $3', codes, after, limit);
  }

  /** Keys with something that reference data may release or overturn; in chunks likewise. */
  async dependingOnReference(client: ClientBase, after: string | null, limit: number): Promise<readonly HeldKey[]> {
    const rows = await readRows(
      client,
      `SELECT lane_key, entity = 'meter_asset' FROM metering.held
         WHERE source = $1 AND lane = $2 AND rule_codes && $3 AND ($4::text IS NULL OR lane_key > $4)
       UNION
       SELECT lane_key, entity = 'meter_asset' FROM metering.rejected_event
         WHERE source = $1 AND lane = $2 AND ($4::text IS NULL OR lane_key > $4)
       ORDER BY 1 LIMIT $5`,
      [this.source, this.lane, codesReadingReference, after, limit],
    );
    return rows.map(heldKeyOf);
  }

  /** Keys of which a hold is due before the source time (epoch microseconds). */
  dueBefore(client: ClientBase, sourceTime: number, after: string | null, limit: number): Promise<readonly HeldKey[]> {
    return this.keys(client, 'due < $3', timestampText(sourceTime), after, limit);
  }

  private async keys(
    client: ClientBase,
    condition: string,
    value: unknown,
    after: string | null,
    limit: number,
  ): Promise<readonly HeldKey[]> {
    const rows = await readRows(
      client,
      `SELECT DISTINCT lane_key, entity = 'meter_asset' FROM metering.held
       WHERE source = $1 AND lane = $2 AND ${condition} AND ($4::text IS NULL OR lane_key > $4) ORDER BY 1 LIMIT $5`,
      [this.source, this.lane, value, after, limit],
    );
    return rows.map(heldKeyOf);
  }
}

/** Does anything that a batch holds or refuses depend on reference data? */
export function dependOnReference(effects: Effects): boolean {
  for (const { event, codes } of effects.rejections)
    if (event !== null && codes.some((code) => codesReadingReference.includes(code))) return true;
  for (const { held } of effects.heldAdded.values()) {
    if (heldCodes(held).some((code) => codesReadingReference.includes(code))) return true;
  }
  return false;
}

function heldKeyOf([laneKey, isAsset]: readonly (string | null)[]): HeldKey {
  return { laneKey: String(laneKey), isAsset: isAsset === 't' };
}

export interface HeldKey {
  readonly laneKey: string;
  readonly isAsset: boolean;
}
