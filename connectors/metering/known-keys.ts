import type { ClientBase } from 'pg';
import { type EntityTable, appointmentTable, meterAssetTable, meteringPointTable } from './entities.ts';
import type { KeyState } from './key-state.ts';
import { readRows } from './read-rows.ts';

/** With more keys in trouble than this, the store is asked about each. */
const troubledMax = 20_000;
const tables: readonly EntityTable[] = [meteringPointTable, appointmentTable, meterAssetTable];

/**
 * What a lane knows of its own keys without asking the store, which is what most of an initial load asks in vain. Nobody else
 * writes them while the lane is this instance's, and after any failure the instance is thrown away.
 *
 * - While the initial load runs, where a table was empty when the lane was opened, a key beyond all that the lane has written
 *   since is not in it: the load comes in the order of the primary key.
 * - Keys in trouble are few, and are kept.
 */
export class KnownKeys {
  private readonly source: string;
  private readonly lane: number;
  /** The largest key written, of the tables that were empty. */
  private readonly largest = new Map<EntityTable, string>();
  private troubled: Set<string> | null = null;
  private isKnown = false;

  constructor(source: string, lane: number) {
    this.source = source;
    this.lane = lane;
  }

  /** From here on a row may be there that somebody made by hand: a repair must find it. */
  loaded(): void {
    this.largest.clear();
  }

  forget(): void {
    this.isKnown = false;
  }

  async refresh(client: ClientBase): Promise<void> {
    if (this.isKnown) return;
    const empty = tables.map(({ entity }) => `NOT EXISTS (SELECT FROM metering.${entity})`).join(', ');
    const [found] = await readRows(client, `SELECT ${empty}`, []);
    this.largest.clear();
    for (const [index, table] of tables.entries()) if (found?.[index] === 't') this.largest.set(table, '');
    const troubled = await readRows(
      client,
      `SELECT DISTINCT lane_key FROM metering.last_received WHERE source = $1 AND lane = $2 LIMIT ${troubledMax + 1}`,
      [this.source, this.lane],
    );
    this.troubled = troubled.length > troubledMax ? null : new Set(troubled.map(([key]) => String(key)));
    this.isKnown = true;
  }

  /** The keys of which the table may have rows. */
  stored(table: EntityTable, keys: ReadonlySet<string>): readonly string[] {
    const largest = this.largest.get(table);
    return largest === undefined ? [...keys] : [...keys].filter((key) => key <= largest);
  }

  /** The keys of which something may be open. */
  inTrouble(keys: ReadonlySet<string>): readonly string[] {
    const { troubled } = this;
    if (troubled === null) return [...keys];
    return troubled.size === 0 ? [] : [...keys].filter((key) => troubled.has(key));
  }

  /** To be told of everything that is written. */
  wrote(states: readonly KeyState[]): void {
    for (const { table, laneKey, made, last } of states) {
      const largest = this.largest.get(table);
      if (made !== null && largest !== undefined && laneKey > largest) this.largest.set(table, laneKey);
      if (last !== null) this.troubled?.add(laneKey);
    }
    if ((this.troubled?.size ?? 0) > troubledMax) this.troubled = null;
  }
}
