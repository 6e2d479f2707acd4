import type { ClientBase } from 'pg';
import { monotonicMs, nowMs } from '../../runtime/clock.ts';
import { deviceId } from './asset.ts';
import { type Day, londonDay } from './calendar.ts';
import { copyRows } from './copy.ts';
import { defects, type Defect, type Disposition } from './defects.ts';
import { Market } from './market.ts';
import { mpanAt } from './mpan.ts';
import { Random, type Weighted } from './random.ts';
import { distributors, participants, prefixWeights } from './reference.ts';
import type { AppointmentRow, AssetRow, PointRow, Unit } from './rows.ts';
import { makeUnit, type Setting } from './unit.ts';

export interface SampleOptions {
  /** How many metering points. */
  readonly points: number;
  readonly seed: number;
  /** The share of points with something wrong about them; 0 for none. Without it 0.0075. */
  readonly dirtyShare?: number;
  /** The settlement date the sample is made on; without it the date of now. */
  readonly today?: Day;
}

/** A row that the rule book must find fault with. */
export interface DirtyRow {
  readonly table: 'metering_point' | 'appointment' | 'meter_asset';
  /** MPAN core, appointment id or device id. */
  readonly key: string;
  readonly code: string;
  readonly disposition: Disposition;
}

export interface SampleUnit extends Unit {
  readonly dirty: DirtyRow | null;
}

export interface SampleProgress {
  readonly points: number;
  readonly rows: number;
  readonly seconds: number;
}

export interface SampleSummary extends SampleProgress {
  readonly byTable: Readonly<Record<string, number>>;
  readonly dirty: readonly DirtyRow[];
}

const pointsPerCopy = 5000;
const dirtyShareDefault = 0.0075;
/** What a snapshot can show: a rule about today never speaks of what is read. */
const readableDefects = defects.filter((defect) => !defect.aboutToday);
/** Networks of the first days, where every date is possible. */
const oldPrefixes: readonly Weighted<string>[] = prefixWeights.filter((prefix) => prefix.value < '24');

/**
 * Fills the empty tables of the schema `registration` with reference data and `points` metering points, in one
 * transaction, and tells which rows are bad on purpose. Appointments name changes of supplier that lie in the past, as
 * a real database does: what is loaded must be read by a snapshot, not be streamed as new.
 */
export async function loadSample(
  client: ClientBase,
  options: SampleOptions & { readonly onProgress?: (progress: SampleProgress) => void },
): Promise<SampleSummary> {
  const begun = monotonicMs();
  const byTable = { participant: 0, distributor_gsp_group: 0, metering_point: 0, appointment: 0, meter_asset: 0 };
  const dirty: DirtyRow[] = [];
  const progress = (): SampleProgress => ({
    points: byTable.metering_point,
    rows: Object.values(byTable).reduce((sum, rows) => sum + rows, 0),
    seconds: (monotonicMs() - begun) / 1000,
  });
  await client.query('BEGIN');
  try {
    byTable.participant = await copyCounted(client, 'participant', participants());
    byTable.distributor_gsp_group = await copyCounted(client, 'distributor_gsp_group', distributors());
    for (const batch of batches(sampleUnits(options), pointsPerCopy)) {
      const dirtyHere = batch.flatMap((unit) => (unit.dirty === null ? [] : [unit.dirty]));
      byTable.metering_point += await copyCounted(
        client,
        'metering_point',
        batch.map((unit) => unit.point),
      );
      byTable.appointment += await copyCounted(
        client,
        'appointment',
        batch.flatMap((unit) => unit.appointments),
      );
      byTable.meter_asset += await copyCounted(
        client,
        'meter_asset',
        batch.flatMap((unit) => unit.assets),
      );
      dirty.push(...dirtyHere);
      options.onProgress?.(progress());
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
  await client.query('ANALYZE registration.metering_point, registration.appointment, registration.meter_asset');
  return { ...progress(), byTable, dirty };
}

async function copyCounted(...[client, name, rows]: Parameters<typeof copyRows>): Promise<number> {
  await copyRows(client, name, rows);
  return rows.length;
}

/** The units of a sample one after the other: the same options give the same units. */
export function* sampleUnits(options: SampleOptions): Generator<SampleUnit> {
  const market = new Market(participants(), distributors());
  const numbers = Random.of(options.seed, 'numbers');
  const mpanStart = numbers.integer(10_000_000_000);
  const deviceBlock = numbers.bits();
  let appointmentId = 0;
  let device = 0;
  const setting: Setting = {
    market,
    today: options.today ?? londonDay(new Date(nowMs())),
    nextAppointmentId: () => (appointmentId += 1),
    nextDeviceId: () => deviceId(deviceBlock, (device += 1)),
  };
  const dirtyShare = options.dirtyShare ?? dirtyShareDefault;
  let dirtyMade = 0;
  for (let index = 0; index < options.points; index += 1) {
    const random = Random.of(options.seed, 'unit', index);
    const isDirty = Math.floor((index + 1) * dirtyShare) > Math.floor(index * dirtyShare);
    const defect = isDirty ? readableDefects[dirtyMade % readableDefects.length] : undefined;
    const prefix = random.weighted(defect === undefined ? prefixWeights : oldPrefixes);
    const mpanCore = mpanAt(prefix, mpanStart, index);
    if (defect === undefined) {
      yield { ...makeUnit(random, mpanCore, setting), dirty: null };
      continue;
    }
    dirtyMade += 1;
    yield dirtyUnit(random, mpanCore, defect, setting);
  }
}

/** A bad metering point has nothing that belongs to it: it would be refused for the point's sake. */
function dirtyUnit(random: Random, mpanCore: string, defect: Defect, setting: Setting): SampleUnit {
  const unit = makeUnit(random, mpanCore, setting, { segment: defect.segment });
  if (defect.table === 'metering_point') {
    unit.appointments.length = 0;
    unit.assets.length = 0;
  }
  const row = defect.spoil(unit, { ...setting, random });
  const dirty = { table: defect.table, key: keyOf(row), code: defect.code, disposition: defect.disposition };
  return { ...unit, dirty };
}

/** The text of a row's primary key. */
export function keyOf(row: PointRow | AppointmentRow | AssetRow): string {
  if ('appointment_id' in row) return String(row.appointment_id);
  return 'device_id' in row ? row.device_id : row.mpan_core;
}

function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
