import type { ClientBase } from 'pg';
import { comparePositions, type Position } from '../../avro/position.ts';
import type { LaneEvent } from '../sink/contract.ts';
import type { Effects } from './effects.ts';
import { distributorTable, type EntityTable, participantTable, tableOfTopic } from './entities.ts';
import { sameItems } from './item-differences.ts';
import { KeyState } from './key-state.ts';
import { storedRow } from './load.ts';
import { readRows } from './read-rows.ts';
import { statementsOf } from './statements.ts';
import { type Items, itemsOf, type StoredVersion, versionOf } from './versions.ts';

interface ReferenceRow {
  readonly version: StoredVersion;
}

/**
 * The tables of reference data, which one lane writes: all rows are in memory (some thousand), so that a change needs
 * no query. No rule judges them.
 */
export class ReferenceTables {
  private rows: Map<EntityTable, Map<string, ReferenceRow>> | null = null;
  private states = new Map<string, KeyState>();
  /** The row that the last event deleted: of a linked delete and create the second may lack what the first had. */
  private left: { readonly position: Position; readonly items: Items } | null = null;

  /**
   * `events`: what comes next. A snapshot and the delete of a row say what the store must have, whatever somebody has made
   * of it: before them the tables are read again, so that a repair is no repetition.
   */
  async load(client: ClientBase, events: Iterable<LaneEvent> = []): Promise<void> {
    if (this.rows !== null && !hasReadOrDelete(events)) return;
    this.rows = new Map();
    for (const table of [participantTable, distributorTable]) {
      const found = await readRows(client, statementsOf(table).select, []);
      const byKey = found.map((row) => storedRow(table, row).version);
      this.rows.set(table, new Map(byKey.map((version) => [keyOf(table, version.items), { version }])));
    }
  }

  decide(effects: Effects, { event, topic }: LaneEvent): void {
    const table = tableOfTopic(topic, event.source.name);
    if (table === null || this.rows === null) return;
    if (event.recordType === 'truncate') {
      for (const { version } of this.rows.get(table)?.values() ?? []) {
        const state = this.state(table, version.items);
        if (state.accepted !== null) state.replace(null, event.source, effects.past);
      }
      for (const state of this.states.values()) {
        if (state.table === table && state.accepted !== null) state.replace(null, event.source, effects.past);
      }
      effects.count(topic, 'applied', 1);
      return;
    }
    const state = this.state(table, event as unknown as Items);
    const before = state.accepted?.items ?? null;
    const linked =
      this.left !== null && comparePositions(this.left.position, event.source) === 0 ? this.left.items : null;
    const items = itemsOf(event, before ?? linked);
    this.left = event.recordType === 'delete' && before !== null ? { position: event.source, items: before } : null;
    const changesNothing =
      state.covers(event.source, event) ||
      (event.recordType === 'delete' ? before === null : before !== null && sameItems(table, before, items));
    if (!changesNothing) {
      state.replace(event.recordType === 'delete' ? null : versionOf(event, items, null), event.source, effects.past);
    }
    effects.count(topic, changesNothing ? 'unchanged' : 'applied', 1);
  }

  /** The keys that were changed since the last call, to be written. */
  takeTouched(): readonly KeyState[] {
    const touched = [...this.states.values()].filter((state) => state.touched);
    this.states = new Map();
    for (const { table, key, accepted } of touched) {
      if (accepted === null) this.rows?.get(table)?.delete(key);
      else this.rows?.get(table)?.set(key, { version: accepted });
    }
    return touched;
  }

  private state(table: EntityTable, items: Items): KeyState {
    const key = keyOf(table, items);
    const name = `${table.entity}|${key}`;
    let state = this.states.get(name);
    if (state === undefined) {
      state = new KeyState(table, '', key, this.rows?.get(table)?.get(key)?.version ?? null, null, null);
      this.states.set(name, state);
    }
    return state;
  }
}

function hasReadOrDelete(events: Iterable<LaneEvent>): boolean {
  for (const { event, topic } of events) {
    const { recordType, source } = event;
    if (recordType !== 'read' && recordType !== 'delete') continue;
    if (tableOfTopic(topic, source.name)?.laneKey === null) return true;
  }
  return false;
}

function keyOf(table: EntityTable, items: Items): string {
  return JSON.stringify(table.key.map((name) => items[name] ?? null));
}
