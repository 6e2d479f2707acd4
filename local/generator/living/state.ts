import type { AppointmentRow, AssetRow, PointRow, RowOf, TableName, Unit } from '../rows.ts';

/** What the database holds for one MPAN at a moment; the point may be missing. */
export interface LivingUnit {
  readonly mpanCore: string;
  readonly point: PointRow | null;
  /** In order of service EFD, then id. */
  readonly appointments: readonly AppointmentRow[];
  readonly assets: readonly AssetRow[];
}

/** One row of a transaction. */
export interface RowChange<T extends TableName = TableName> {
  readonly table: T;
  readonly operation: 'insert' | 'update' | 'delete';
  readonly row: RowOf[T];
}

export function nothingThere(mpanCore: string): LivingUnit {
  return { mpanCore, point: null, appointments: [], assets: [] };
}

/** A copy that may be changed. */
export function copyOf(unit: LivingUnit & { readonly point: PointRow }): Unit {
  return {
    point: { ...unit.point },
    appointments: unit.appointments.map((row) => ({ ...row })),
    assets: unit.assets.map((row) => ({ ...row })),
  };
}

export function livingUnit(unit: Unit): LivingUnit {
  return { mpanCore: unit.point.mpan_core, ...unit };
}

/** The rows that bring the database from one state to the other: point first, except that it goes last. */
export function differences(before: LivingUnit, after: LivingUnit): RowChange[] {
  const point = changesOf('metering_point', listOf(before.point), listOf(after.point), (row) => row.mpan_core);
  const rest = [
    ...changesOf('appointment', before.appointments, after.appointments, (row) => row.appointment_id),
    ...changesOf('meter_asset', before.assets, after.assets, (row) => row.device_id),
  ];
  return after.point === null ? [...rest, ...point] : [...point, ...rest];
}

function listOf<T>(row: T | null): readonly T[] {
  return row === null ? [] : [row];
}

function changesOf<T extends 'metering_point' | 'appointment' | 'meter_asset'>(
  table: T,
  before: readonly RowOf[T][],
  after: readonly RowOf[T][],
  keyOf: (row: RowOf[T]) => string | number,
): RowChange[] {
  const changes: RowChange[] = [];
  const kept = new Map(after.map((row) => [keyOf(row), row]));
  for (const row of before) {
    const now = kept.get(keyOf(row));
    if (now === undefined) changes.push({ table, operation: 'delete', row });
    else if (!sameRow(row, now)) changes.push({ table, operation: 'update', row: now });
    kept.delete(keyOf(row));
  }
  for (const row of kept.values()) changes.push({ table, operation: 'insert', row });
  return changes;
}

function sameRow(left: object, right: object): boolean {
  const [before, after] = [left as Readonly<Record<string, unknown>>, right as Readonly<Record<string, unknown>>];
  for (const name in before) if (before[name] !== after[name]) return false;
  return true;
}
