import type { SnapshotKey } from '../connectors/source/job-table.ts';
import { identifyingColumns } from '../connectors/source/route-columns.ts';
import type { Cause } from './agreement.ts';
import type { Finding, Refusal } from './evidence.ts';
import type { OpenTable } from './reconcile.ts';
import type { ItemTexts } from './rows.ts';
import type { ReconciledTable } from './tables.ts';

/** What a repair makes of an item in the store. */
export interface ItemChange {
  readonly before: string | null;
  readonly after: string | null;
}

/** One row that a repair sends again, or can not send. */
export interface RepairRow {
  readonly table: string;
  readonly key: string;
  readonly cause: Cause;
  /** `refused`: it is not sent, because the rules have refused what the source has of it, and would again. */
  readonly action: 'insert' | 'update' | 'delete' | 'refused';
  /** Of a refused row: what the good version below it said, where that is known. */
  readonly changes: Readonly<Record<string, ItemChange>>;
  readonly refusal: Refusal | null;
}

/** A request to the source: keys of one table, to be read again. */
export interface RepairRequest {
  readonly table: ReconciledTable;
  readonly keys: readonly SnapshotKey[];
}

export interface RepairPlan {
  readonly rows: readonly RepairRow[];
  /** In the order in which they must be sent. */
  readonly requests: readonly RepairRequest[];
}

/**
 * What has to go first: rows that are too many, dependent ones before those they depend on, and then the rest the other way
 * round. An appointment too many would keep its metering point from being deleted, and another from being accepted.
 */
const dependents: readonly string[] = [
  'meter_asset',
  'appointment',
  'metering_point',
  'distributor_gsp_group',
  'participant',
];

export function planRepair(found: readonly OpenTable[]): RepairPlan {
  const rows = found.flatMap(({ table, findings }) => findings.map((finding) => rowOf(table, finding)));
  const open = found.map(({ table, findings }) => ({
    table,
    findings: findings.filter(({ refusal }) => refusal === null),
  }));
  const byTable = (isDelete: boolean): RepairRequest[] =>
    open
      .map(({ table, findings }) => ({
        table,
        keys: distinct(
          findings.filter(({ there }) => (there === null) === isDelete).flatMap((finding) => keysOf(table, finding)),
        ),
      }))
      .filter(({ keys }) => keys.length > 0)
      .sort((a, b) => dependents.indexOf(a.table.entity) - dependents.indexOf(b.table.entity));
  return { rows, requests: [...byTable(true), ...byTable(false).toReversed()] };
}

function rowOf(table: ReconciledTable, { key, cause, there, here, items, refusal }: Finding): RepairRow {
  if (refusal !== null) {
    const kept = Object.entries(items).map(([name, { registration, metering }]): [string, ItemChange] => [
      name,
      { before: metering, after: registration },
    ]);
    return { table: table.entity, key, cause, action: 'refused', changes: Object.fromEntries(kept), refusal };
  }
  const [closest = null] = here;
  const changes: Record<string, ItemChange> = {};
  for (const [at, { name }] of table.items.entries()) {
    const change = { before: closest?.[at] ?? null, after: there?.[at] ?? null };
    if (change.before !== change.after) changes[name] = change;
  }
  const action = there === null ? 'delete' : closest === null ? 'insert' : 'update';
  return { table: table.entity, key, cause, action, changes, refusal };
}

/**
 * The keys under which the source is asked for the row: where it is now, and where the store has it under another key of
 * events, which the source then tells as gone.
 */
function keysOf(table: ReconciledTable, { there, here }: Finding): readonly SnapshotKey[] {
  const laneKeyOf = (items: ItemTexts): string | null => valueOf(table, items, table.laneKey);
  const strays = there === null ? here : here.filter((items) => laneKeyOf(items) !== laneKeyOf(there));
  const keys = strays.map((items) => identityOf(table, items));
  return there === null ? keys : [...keys, identityOf(table, there)];
}

function identityOf(table: ReconciledTable, items: ItemTexts): SnapshotKey {
  return identifyingColumns(table.route).map((column) => valueOf(table, items, table.route.items[column] ?? null));
}

function valueOf(table: ReconciledTable, items: ItemTexts, name: string | null): string | null {
  return items[table.items.findIndex((item) => item.name === name)] ?? null;
}

function distinct(keys: readonly SnapshotKey[]): readonly SnapshotKey[] {
  return [...new Map(keys.map((key) => [JSON.stringify(key), key])).values()];
}
