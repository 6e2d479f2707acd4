import type { ClientBase } from 'pg';
import { timestampText } from './copy-text.ts';
import { referenceCodes } from './decide.ts';
import type { HeldRow } from './effects.ts';
import { readRows } from './load.ts';
import { loadingCode } from './settle.ts';

/**
 * What waits in one lane, as far as it must be known before a batch. What comes to wait is added in memory; what no
 * longer waits is found out by the pass that looks for it in vain, after which all is read again.
 */
export class HeldLane {
  /** Epoch microseconds; null when nothing ends by itself. */
  deadline: number | null = null;
  waitsForLoad = false;
  waitsForReference = false;
  private readonly source: string;
  private readonly lane: number;
  private isKnown = false;

  constructor(source: string, lane: number) {
    this.source = source;
    this.lane = lane;
  }

  add(rows: Iterable<HeldRow>): void {
    for (const { held } of rows) {
      if (held.due === null) this.waitsForLoad = true;
      else this.deadline = Math.min(this.deadline ?? held.due, held.due);
      if (held.broken.some(({ code }) => referenceCodes.includes(code))) this.waitsForReference = true;
    }
  }

  forget(): void {
    this.isKnown = false;
  }

  async refresh(client: ClientBase): Promise<void> {
    if (this.isKnown) return;
    const [row] = await readRows(
      client,
      `SELECT (extract(epoch FROM min(due)) * 1000000)::bigint, bool_or(rule_codes && $3), bool_or(rule_codes && $4)
       FROM metering.held WHERE source = $1 AND lane = $2`,
      [this.source, this.lane, [loadingCode], referenceCodes],
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
    return rows.map(([laneKey, isAsset]) => ({ laneKey: String(laneKey), isAsset: isAsset === 't' }));
  }
}

export interface HeldKey {
  readonly laneKey: string;
  readonly isAsset: boolean;
}
