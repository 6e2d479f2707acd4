import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { finished } from 'node:stream/promises';
import { CopyBinary } from './copy-binary.ts';
import { CopyText } from './copy-rows.ts';
import { recordOf } from './copy-text.ts';
import { Fault } from '../../runtime/fault.ts';
import { OneTrip } from '../../runtime/one-trip.ts';
import { type EntityTable, entityTables, type ItemKind } from './entities.ts';
import { differencesOf } from './item-differences.ts';
import type { KeyState } from './key-state.ts';
import type { CopyRows, RowWriter } from './row-writer.ts';
import { type ChangeShape, changeStatements, rowsMet, statementsOf, type TableStatements } from './statements.ts';
import { writeDecided, writeEnding, writeItems, writeStamp } from './version-row.ts';
import type { Ending, PastVersion, Version } from './versions.ts';

/** Sends rows in the format that they were written in. */
export async function copyRows(client: ClientBase, copy: string, rows: CopyRows): Promise<void> {
  if (rows.count === 0) return;
  const stream = client.query(copyFrom(copy));
  const done = finished(stream);
  stream.end(rows.bytes);
  await done;
}

/** Up to so many changed rows go as a parameter, and not through a temporary table. */
const fewRows = 100;

/** A key whose stored version has another in its place. */
interface Change {
  readonly state: KeyState;
  readonly made: Version;
  readonly ending: Ending;
}

interface TableRows {
  readonly added: RowWriter & CopyRows & { clear(): void };
  readonly changes: Change[];
  /** The changes, when they are few or when they are many. */
  readonly few: CopyText;
  readonly many: CopyBinary;
  readonly gone: CopyText;
  readonly past: CopyText;
}

/**
 * Writes versions set-wise. What it has written may be on its way still: what is asked next on the connection comes after it,
 * and the first failure of a trip says why. Keeps count of what it has put into its connection's temporary tables, which are empty
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
      writeItems(row, table.items, version.items);
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
      found = {
        added: table.laneKey === null ? new CopyText() : new CopyBinary(),
        changes: [],
        few: new CopyText(),
        many: new CopyBinary(),
        gone: new CopyText(),
        past: new CopyText(),
      };
      this.rows.set(table, found);
    }
    return found;
  }

  private async writeTable(client: ClientBase, table: EntityTable, rows: TableRows): Promise<void> {
    const statements = this.statements.get(table) ?? statementsOf(table);
    const isFew = rows.changes.length + rows.gone.count <= fewRows;
    if (isFew) this.writeFew(client, table, rows);
    else await this.writeMany(client, table, statements, rows);
    await copyRows(client, statements.copyNew, rows.added);
    await copyRows(client, statements.copyPast, rows.past);
    for (const one of [rows.added, rows.few, rows.many, rows.gone, rows.past]) one.clear();
    rows.changes.length = 0;
  }

  /**
   * Temporary tables must be emptied when the transaction ends, which takes longer than a few rows do. These go with what is
   * asked next on the connection, which is the commit of most small batches.
   */
  private writeFew(client: ClientBase, table: EntityTable, rows: TableRows): void {
    const statements = this.statements.get(table) ?? statementsOf(table);
    const few = (act: string, text: string, columns: readonly string[], of: CopyText): void => {
      const { count } = of;
      if (count === 0) return;
      const records = JSON.stringify(of.lines().map((line) => recordOf(columns, line)));
      void OneTrip.on(client).call(
        { name: `concord_${act}_${table.entity}`, text },
        [records, String(count)],
        (cause) => {
          const met = rowsMet(cause);
          return met === null ? cause : changedBeside(table, count, met);
        },
      );
    };
    few('remove', statements.removeFew, statements.goneColumns, rows.gone);
    for (const change of rows.changes) writeWhole(rows.few, table, change);
    few('change', statements.changeFew, statements.changedColumns, rows.few);
  }

  private async writeMany(
    client: ClientBase,
    table: EntityTable,
    statements: TableStatements,
    { gone, changes, many }: TableRows,
  ): Promise<void> {
    if (this.dirty.has(table)) await client.query(statements.clearTemporary);
    this.dirty.add(table);
    if (gone.count > 0) {
      await copyRows(client, statements.copyGone, gone);
      demandAll(table, gone.count, (await client.query(statements.endGone)).rowCount);
      demandAll(table, gone.count, (await client.query(statements.remove)).rowCount);
    }
    if (changes.length > 0) {
      const shape = shapeOf(table, changes);
      for (const change of changes) writeChange(many, table, shape, change);
      const { copy, end, update } = changeStatements(table, shape);
      await copyRows(client, copy, many);
      demandAll(table, many.count, (await client.query(end)).rowCount);
      demandAll(table, many.count, (await client.query(update)).rowCount);
    }
  }
}

/** A lane is alone with its rows, but anybody may have psql: what was judged must be what is written. */
function demandAll(table: EntityTable, expected: number, found: number | null): void {
  if (found !== expected) throw changedBeside(table, expected, found ?? 0);
}

function changedBeside({ entity }: EntityTable, expected: number, found: number): Fault {
  return new Fault(
    'unavailable',
    'STORE_CHANGED_BESIDE',
    `Of ${expected} rows of metering.${entity} that a batch changes, ${expected - found} were written by somebody else after they were read. Nothing of the batch is kept; it is judged again.`,
    { table: entity, expected, found },
  );
}

function addState(rows: TableRows, state: KeyState): void {
  const { table, stored, made, ending, timeline, place } = state;
  if (made === null) {
    if (stored === null || ending === null) return;
    if (place !== null) rows.gone.place(place);
    writeItems(rows.gone, keyItems.get(table) ?? table.items, stored.items);
    writeEnding(rows.gone, ending);
    rows.gone.endRow();
    return;
  }
  if (stored !== null && ending !== null) {
    rows.changes.push({ state, made, ending });
    return;
  }
  const row = rows.added;
  writeItems(row, table.items, made.items);
  writeStamp(row, made);
  writeDecided(row, made);
  if (table.entity === 'metering_point') row.text(timeline);
  row.endRow();
}

/** As `changedColumns` says. */
function writeWhole(row: CopyText, table: EntityTable, { state, made, ending }: Change): void {
  if (state.place !== null) row.place(state.place);
  writeItems(row, table.items, made.items);
  writeStamp(row, made);
  writeDecided(row, made);
  if (table.entity === 'metering_point') row.text(state.timeline);
  writeEnding(row, ending);
  row.endRow();
}

/** As `ChangeStatements.copy` says. */
function writeChange(row: CopyBinary, table: EntityTable, shape: ChangeShape, { state, made, ending }: Change): void {
  if (state.place !== null) row.place(state.place);
  writeStamp(row, made);
  writeItems(row, keyItems.get(table) ?? table.items, made.items);
  writeItems(row, shape.items, made.items);
  if (shape.decided) writeDecided(row, made);
  if (shape.timeline) row.text(state.timeline);
  if (shape.ending) writeEnding(row, ending);
  row.endRow();
}

/** What is the same for all of a batch is not sent: mostly all but an item or two. */
function shapeOf(table: EntityTable, changes: readonly Change[]): ChangeShape {
  const differences = differencesOf(table);
  let items = 0;
  let timeline = false;
  let decided = false;
  let ends = false;
  for (const { state, made, ending } of changes) {
    items |= state.stored === null ? -1 : differences(state.stored.items, made.items);
    timeline ||= state.timeline !== state.storedTimeline;
    decided ||= made.decided !== null;
    ends ||= !isOwn(made, ending);
  }
  const changed = table.items.filter(([name], index) => (items & (1 << index)) !== 0 && !table.key.includes(name));
  return { items: changed, timeline, decided, ending: ends };
}

function isOwn(made: Version, ending: Ending): boolean {
  return (
    ending.lsn === made.lsn &&
    ending.ordinal === made.ordinal &&
    ending.generation === made.generation &&
    ending.xid === made.xid &&
    ending.sourceTime === made.sourceTime
  );
}

/** Of each table the items of its key, in the order of the key. */
const keyItems: ReadonlyMap<EntityTable, EntityTable['items']> = new Map(
  Object.values(entityTables).map((table) => {
    const kinds = new Map<string, ItemKind>(table.items);
    return [table, table.key.map((name) => [name, kinds.get(name) ?? 'text'] as const)];
  }),
);
