import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { finished } from 'node:stream/promises';
import { CopyText } from './copy-rows.ts';
import { recordOf } from './copy-text.ts';
import { Fault } from '../../runtime/fault.ts';
import { type EntityTable, entityTables, type ItemKind } from './entities.ts';
import type { KeyState } from './key-state.ts';
import { statementsOf, type TableStatements } from './statements.ts';
import { writeDecided, writeEnding, writeItems, writeStamp } from './version-row.ts';
import type { PastVersion } from './versions.ts';

/** Sends rows in COPY's text format. */
export async function copyRows(client: ClientBase, copy: string, rows: CopyText): Promise<void> {
  if (rows.count === 0) return;
  const stream = client.query(copyFrom(copy));
  const done = finished(stream);
  stream.end(rows.bytes);
  await done;
}

/** Up to so many changed rows go as a parameter, and not through a temporary table. */
const fewRows = 100;

interface TableRows {
  readonly added: CopyText;
  readonly changed: CopyText;
  readonly gone: CopyText;
  readonly past: CopyText;
}

/**
 * Writes versions set-wise. Keeps count of what it has put into its connection's temporary tables, which are empty
 * only after the transaction.
 */
export class VersionWriter {
  private readonly statements = new Map<EntityTable, TableStatements>();
  private readonly prepared = new WeakSet<ClientBase>();
  private readonly dirty = new Set<EntityTable>();
  /** Empty between two writes; their memory is used again. */
  private readonly rows = new Map<EntityTable, TableRows>();

  constructor() {
    for (const table of Object.values(entityTables)) this.statements.set(table, statementsOf(table));
  }

  /** To be called when a transaction begins. */
  async begin(client: ClientBase): Promise<void> {
    this.dirty.clear();
    this.rows.clear();
    if (this.prepared.has(client)) return;
    const create = [...this.statements.values()].flatMap(({ createTemporary }) => createTemporary);
    // The planner knows nothing of temporary tables: keys are few against the store, so that every look-up is by index.
    const plans = ['enable_hashjoin', 'enable_mergejoin', 'enable_seqscan'].map((name) => `SET ${name} = off`);
    await client.query([...plans, ...create].join(';'));
    this.prepared.add(client);
  }

  async write(client: ClientBase, states: Iterable<KeyState>, past: readonly PastVersion[]): Promise<void> {
    for (const state of states) if (state.touched) addState(this.rowsOf(state.table), state);
    for (const { table, version, ending } of past) {
      const row = this.rowsOf(table).past;
      writeItems(row, table, version.items);
      writeStamp(row, version);
      writeDecided(row, version);
      writeEnding(row, ending);
      row.endRow();
    }
    for (const [table, ofTable] of this.rows) await this.writeTable(client, table, ofTable);
  }

  private rowsOf(table: EntityTable): TableRows {
    let found = this.rows.get(table);
    if (found === undefined) {
      found = { added: new CopyText(), changed: new CopyText(), gone: new CopyText(), past: new CopyText() };
      this.rows.set(table, found);
    }
    return found;
  }

  private async writeTable(client: ClientBase, table: EntityTable, rows: TableRows): Promise<void> {
    const statements = this.statements.get(table) ?? statementsOf(table);
    const isFew = rows.changed.count + rows.gone.count <= fewRows;
    if (isFew) await this.writeFew(client, table, rows);
    else await this.writeMany(client, table, statements, rows);
    await copyRows(client, statements.copyNew, rows.added);
    await copyRows(client, statements.copyPast, rows.past);
    for (const one of [rows.added, rows.changed, rows.gone, rows.past]) one.clear();
  }

  /** Temporary tables must be emptied when the transaction ends, which takes longer than a few rows do. */
  private async writeFew(client: ClientBase, table: EntityTable, rows: TableRows): Promise<void> {
    const statements = this.statements.get(table) ?? statementsOf(table);
    const few = async (act: string, text: string, columns: readonly string[], of: CopyText): Promise<void> => {
      if (of.count === 0) return;
      const records = JSON.stringify(of.lines().map((line) => recordOf(columns, line)));
      const { rowCount } = await client.query({ name: `concord_${act}_${table.entity}`, text, values: [records] });
      demandAll(table, of.count, rowCount);
    };
    await few('remove', statements.removeFew, statements.goneColumns, rows.gone);
    await few('change', statements.changeFew, statements.changedColumns, rows.changed);
  }

  private async writeMany(
    client: ClientBase,
    table: EntityTable,
    statements: TableStatements,
    { gone, changed }: TableRows,
  ): Promise<void> {
    if (this.dirty.has(table)) await client.query(statements.clearTemporary);
    this.dirty.add(table);
    if (gone.count > 0) {
      await copyRows(client, statements.copyGone, gone);
      demandAll(table, gone.count, (await client.query(statements.endGone)).rowCount);
      demandAll(table, gone.count, (await client.query(statements.remove)).rowCount);
    }
    if (changed.count > 0) {
      await copyRows(client, statements.copyChanged, changed);
      demandAll(table, changed.count, (await client.query(statements.endChanged)).rowCount);
      demandAll(table, changed.count, (await client.query(statements.update)).rowCount);
    }
  }
}

/** A lane is alone with its rows, but anybody may have psql: what was judged must be what is written. */
function demandAll({ entity }: EntityTable, expected: number, found: number | null): void {
  if (found === expected) return;
  throw new Fault(
    'unavailable',
    'STORE_CHANGED_BESIDE',
    `Of ${expected} rows of metering.${entity} that a batch changes, ${expected - (found ?? 0)} were written by somebody else after they were read. Nothing of the batch is kept; it is judged again.`,
    { table: entity, expected, found: found ?? 0 },
  );
}

function addState(rows: TableRows, state: KeyState): void {
  const { table, stored, made, ending, timeline, place } = state;
  if (made === null) {
    if (stored === null || ending === null) return;
    if (place !== null) rows.gone.place(place);
    writeItems(rows.gone, keyTables.get(table) ?? table, stored.items);
    writeEnding(rows.gone, ending);
    rows.gone.endRow();
    return;
  }
  const isNew = stored === null || ending === null;
  const row = isNew ? rows.added : rows.changed;
  if (!isNew && place !== null) row.place(place);
  writeItems(row, table, made.items);
  writeStamp(row, made);
  writeDecided(row, made);
  if (table.entity === 'metering_point') row.text(timeline);
  if (!isNew) writeEnding(row, ending);
  row.endRow();
}

/** Each table with the items of its key only, in the table's order. */
const keyTables: ReadonlyMap<EntityTable, EntityTable> = new Map(
  Object.values(entityTables).map((table) => {
    const items: (readonly [string, ItemKind])[] = table.items.filter(([name]) => table.key.includes(name));
    return [table, { ...table, items }];
  }),
);
