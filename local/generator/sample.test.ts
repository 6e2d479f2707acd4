import { describe, expect, test } from 'vitest';
import { clockChanges, day } from './calendar.ts';
import { defects } from './defects.ts';
import { MeteringSide } from './metering-side.fixture.ts';
import { isMpanCore } from './mpan.ts';
import { distributors, participants } from './reference.ts';
import { sampleUnits } from './sample.ts';
import type { RowChange } from './living/state.ts';
import type { RowOf, TableName } from './rows.ts';

const today = day('2026-04-01');

describe('a sample', () => {
  test('is the same for the same seed and another one for another', () => {
    const first = [...sampleUnits({ points: 300, seed: 1, today })];
    expect([...sampleUnits({ points: 300, seed: 1, today })]).toEqual(first);
    expect([...sampleUnits({ points: 300, seed: 2, today })]).not.toEqual(first);
  });

  test('begins with the units of a smaller one of the same seed', () => {
    const small = [...sampleUnits({ points: 100, seed: 1, dirtyShare: 0, today })];
    expect([...sampleUnits({ points: 200, seed: 1, dirtyShare: 0, today })].slice(0, 100)).toEqual(small);
  });

  test('has valid MPAN cores, each once, and appointments and devices with ids of their own', () => {
    const units = [...sampleUnits({ points: 5000, seed: 3, dirtyShare: 0, today })];
    expect(units.every((unit) => isMpanCore(unit.point.mpan_core))).toBe(true);
    expect(new Set(units.map((unit) => unit.point.mpan_core)).size).toBe(5000);
    const appointments = units.flatMap((unit) => unit.appointments);
    expect(new Set(appointments.map((row) => row.appointment_id)).size).toBe(appointments.length);
    const devices = units.flatMap((unit) => unit.assets);
    expect(new Set(devices.map((row) => row.device_id)).size).toBe(devices.length);
  });

  test('has the shape of the real world', () => {
    const units = [...sampleUnits({ points: 20_000, seed: 4, dirtyShare: 0, today })];
    const share = (holds: (unit: (typeof units)[number]) => boolean): number =>
      units.filter(holds).length / units.length;
    expect(share(({ point }) => point.market_segment === 'S')).toBeCloseTo(0.988, 2);
    expect(share(({ point }) => point.market_segment === 'U')).toBeGreaterThan(0);
    expect(share(({ point }) => point.domestic === true)).toBeCloseTo(0.91, 1.5);
    expect(share(({ point }) => point.measurement_quantity === 'AE')).toBeCloseTo(0.03, 2);
    expect(share(({ point }) => point.mpan_core.startsWith('10'))).toBeCloseTo(0.12, 1.5);
    expect(share(({ point }) => point.mpan_core >= '24')).toBeCloseTo(0.05, 1.5);
    expect(share(({ appointments }) => appointments.length === 2)).toBeGreaterThan(0.1);
    expect(share(({ assets }) => assets.length > 0)).toBeGreaterThan(0.7);
    const changes = new Set(clockChanges(2010, 2026));
    expect(share(({ point }) => changes.has(point.supplier_efd ?? 0))).toBeGreaterThan(0.005);
  });

  test('is accepted by the rule book but for each dirty row, which breaks the rule it was made to break', () => {
    const units = [...sampleUnits({ points: 4000, seed: 5, dirtyShare: 0.04, today })];
    const side = new MeteringSide(today);
    side.commit([...inserted('participant', participants()), ...inserted('distributor_gsp_group', distributors())]);
    const troubles = [
      ...units.flatMap((unit) => side.commit(inserted('metering_point', [unit.point]), true)),
      ...units.flatMap((unit) => unit.appointments).flatMap((row) => side.commit(inserted('appointment', [row]), true)),
      ...units.flatMap((unit) => unit.assets).flatMap((row) => side.commit(inserted('meter_asset', [row]), true)),
    ];
    const dirty = units.flatMap((unit) => (unit.dirty === null ? [] : [unit.dirty]));
    const refused = dirty.filter((row) => row.disposition !== 'warn');
    const told = troubles.map(({ entity, key, codes }) => `${entity} ${key} ${codes.join()}`);
    expect(told.toSorted()).toEqual(refused.map((row) => `${row.table} ${row.key} ${row.code}`).toSorted());
    const warned = dirty.filter((row) => row.disposition === 'warn').map((row) => row.code);
    expect([...side.warnings.keys()].toSorted()).toEqual([...new Set(warned)].toSorted());
    const readable = defects.filter((defect) => !defect.aboutToday).map((defect) => `${defect.table} ${defect.code}`);
    expect(new Set(dirty.map((row) => `${row.table} ${row.code}`))).toEqual(new Set(readable));
  });
});

function inserted<T extends TableName>(table: T, rows: readonly RowOf[T][]): RowChange[] {
  return rows.map((row) => ({ table, operation: 'insert', row }));
}
