import { makeAsset } from '../asset.ts';
import { day } from '../calendar.ts';
import { mpanAt } from '../mpan.ts';
import { dataServices, meteringServices, otherMeteringService } from '../reference.ts';
import type { AppointmentRow, PointRow, Unit } from '../rows.ts';
import {
  type Circumstances,
  lossClass,
  lossFactor,
  loadShape,
  makeAppointment,
  makePoint,
  meterId,
  segmentOf,
  type Wish,
} from '../unit.ts';
import { copyOf, livingUnit, type LivingUnit } from './state.ts';

/** An appointment may come so many days ahead. */
const daysAheadMax = 28;
const firstEver = day('2010-01-01');

/** A unit that is there and served. */
type Served = LivingUnit & { readonly point: PointRow };

/** The next state of a unit, or null where this can not happen to it. */
export type Change = (unit: Served, circumstances: Circumstances) => LivingUnit | null;

/** A change of supplier on a day to come: the old appointment ends the day before, the new one begins. */
export function switchSupplier(unit: Served, circumstances: Circumstances, to?: string): LivingUnit | null {
  const { random, market } = circumstances;
  const next = copyOf(unit);
  const current = openAppointment(next);
  const from = dayToCome(unit, current, circumstances, 1);
  if (current === null || from === null) return null;
  next.point.supplier_mpid = to ?? market.supplier(random, from, unit.point.supplier_mpid);
  next.point.supplier_efd = from;
  next.point.metering_service_efd = from;
  current.metering_service_etd = from - 1;
  current.supplier_etd = from - 1;
  next.appointments.push(successor(circumstances, next.point, current, 'COS'));
  return livingUnit(next);
}

/** The switch that is still to come is called off: everything is again as it was before it. */
export const cancelSwitch: Change = (unit, { today }) => {
  const next = copyOf(unit);
  const current = next.appointments.at(-1);
  const before = next.appointments.at(-2);
  if (current === undefined || before === undefined || current.reason !== 'COS') return null;
  const from = current.metering_service_efd;
  if (from === null || from <= today || before.metering_service_etd !== from - 1) return null;
  if (before.supplier_etd !== from - 1) return null;
  next.appointments.pop();
  before.metering_service_etd = null;
  before.supplier_etd = null;
  next.point.supplier_mpid = before.supplier_mpid;
  next.point.supplier_efd = before.supplier_efd;
  next.point.metering_service_mpid = before.mpid;
  next.point.metering_service_efd = before.metering_service_efd;
  return livingUnit(next);
};

/** The supplier appoints another metering service, or the same one under a new contract. */
export const changeAgent: Change = (unit, circumstances) => {
  const next = copyOf(unit);
  const current = openAppointment(next);
  const from = dayToCome(unit, current, circumstances, -5);
  if (current === null || from === null) return null;
  const own = meteringServices[segmentOf(unit.point)].mpid;
  const moves =
    segmentOf(unit.point) === 'S' && circumstances.random.chance(unit.point.metering_service_mpid === own ? 0.1 : 0.6);
  if (moves) next.point.metering_service_mpid = unit.point.metering_service_mpid === own ? otherMeteringService : own;
  next.point.metering_service_efd = from;
  current.metering_service_etd = from - 1;
  next.appointments.push(successor(circumstances, next.point, current, 'CSP'));
  return livingUnit(next);
};

/**
 * A date turns out to be earlier than was thought. What is no change of supplier to come any more is sent as CSP.
 * At one point it is always the same date: moved one after the other, the service could come to begin before the point
 * existed.
 */
export const correctBackDated: Change = (unit, circumstances) =>
  Number(unit.mpanCore.at(-1)) % 2 === 0 ? correctService(unit, circumstances) : correctSupply(unit, circumstances);

const correctService: Change = (unit, { random, market }) => {
  const next = copyOf(unit);
  const current = openAppointment(next);
  const since = unit.point.supplier_efd;
  if (current === null || current.metering_service_efd === null || isClosed(unit, market)) return null;
  const from = current.metering_service_efd;
  if (since === null || next.appointments.length > 1 || from <= since) return null;
  current.metering_service_efd = random.between(Math.max(since, from - 30), from - 1);
  if (current.reason === 'COS') current.reason = 'CSP';
  next.point.metering_service_efd = current.metering_service_efd;
  return livingUnit(next);
};

const correctSupply: Change = (unit, { random, market }) => {
  const next = copyOf(unit);
  const since = unit.point.supplier_efd;
  if (since === null || isClosed(unit, market)) return null;
  const earlier = since - random.between(1, 30);
  const territory = market.territory(unit.mpanCore.slice(0, 2));
  if (earlier < Math.max(firstEver, territory?.from ?? 0)) return null;
  if (!market.isSupplier(unit.point.supplier_mpid, earlier)) return null;
  if (next.appointments.some((row) => row.supplier_efd !== since)) return null;
  next.point.supplier_efd = earlier;
  for (const row of next.appointments) {
    row.supplier_efd = earlier;
    if (row.reason === 'COS') row.reason = 'CSP';
  }
  return livingUnit(next);
};

export const changeLossFactor: Change = (unit, { random }) => {
  const point = { ...unit.point, line_loss_factor: lossFactor(random) };
  if (random.chance(0.5)) point.line_loss_factor_class = lossClass(random);
  return { ...unit, point };
};

export const changeOptOut: Change = (unit) => ({
  ...unit,
  point: { ...unit.point, opt_out: unit.point.opt_out !== true },
});

/** A home becomes a business or the other way round, and its load shape with it. */
export const changeUse: Change = (unit) => {
  if (unit.point.market_segment !== 'S') return null;
  const point = { ...unit.point, domestic: unit.point.domestic !== true };
  if (point.load_shape_category !== null) point.load_shape_category = loadShape(point);
  return { ...unit, point };
};

export const changeDataService: Change = (unit, { random, today, market }) => {
  const from = Math.max(today - 3, (unit.point.data_service_efd ?? 0) + 1) + random.integer(14);
  if (from > today + daysAheadMax || isClosed(unit, market)) return null;
  const point = {
    ...unit.point,
    data_service_mpid: random.pick(dataServices[segmentOf(unit.point)]),
    data_service_efd: from,
  };
  return { ...unit, point };
};

/** The meter is taken off the wall and another one put there; the appointment names the new one. */
export const exchangeAsset: Change = (unit, circumstances) => {
  const { random, today } = circumstances;
  const next = copyOf(unit);
  const old = next.assets.find((row) => row.device_type === 'ESME' && row.removed_on === null);
  const current = openAppointment(next);
  if (old === undefined || current === null || (old.installed_on ?? today) >= today) return null;
  const serialNumber = meterId(random, today);
  Object.assign(old, {
    status: 'Decommissioned',
    removed_on: today,
    removal_reason: random.pick(['Fault', 'Upgrade', 'Damage']),
  });
  old.map_etd = Math.max(today, old.map_efd ?? 0);
  next.assets.push({
    ...makeAsset(random, unit.point, serialNumber, 'ESME', today, circumstances),
    postcode: old.postcode,
    uprn: old.uprn,
  });
  current.meter_id = serialNumber;
  return livingUnit(next);
};

export const updateFirmware: Change = (unit, { random }) => {
  const next = copyOf(unit);
  const asset = next.assets.find((row) => row.removed_on === null);
  if (asset === undefined) return null;
  asset.firmware_version = `${random.between(1, 6)}.${random.integer(100)}.${random.integer(10)}`;
  asset.firmware_status = 'Active';
  return livingUnit(next);
};

/** The supply is taken away: point and appointments go together; the devices go or stay as decommissioned. */
export const disconnect: Change = (unit, { random, today }) => {
  const kept = random.chance(0.5) ? unit.assets : [];
  const assets = kept.map((row) => ({
    ...row,
    status: 'Decommissioned',
    removed_on: Math.max(today, row.installed_on ?? 0),
    removal_reason: 'Disconnection',
    map_etd: Math.max(today, row.map_efd ?? 0),
  }));
  return { ...unit, point: null, appointments: [], assets };
};

/** A new supply at an MPAN core, or the same one again after it was deleted; everything begins in these days. */
export function connect(mpanCore: string, from: number, circumstances: Circumstances, wish: Wish = {}): Unit | null {
  const { random, market, today } = circumstances;
  const territory = market.territory(mpanCore.slice(0, 2));
  if (territory === null) return null;
  const segment = wish.segment ?? (random.chance(0.985) ? 'S' : 'A');
  const efd = { supplier: from, dataService: from, meteringService: from };
  const point = makePoint(random, mpanCore, segment, territory, market.supplier(random, from), efd);
  if (wish.segment !== undefined) point.metering_service_mpid = meteringServices[segment].mpid;
  const meter = segment === 'U' ? null : meterId(random, from);
  const appointment = makeAppointment(random, point, circumstances.nextAppointmentId(), 'NEW', meter);
  const hasDevice = segment === 'S' && meter !== null && random.chance(0.82);
  const assets = hasDevice ? [makeAsset(random, point, meter, 'ESME', Math.min(from, today), circumstances)] : [];
  return { point, appointments: [appointment], assets };
}

/** An MPAN core of the prefix that was not used before, as good as surely. */
export function newMpan(prefix: string, { random }: Circumstances): string {
  return mpanAt(prefix, random.integer(10_000_000_000), 0);
}

/** The network takes no part any more, so that nothing may begin there now. */
export function isClosed(unit: LivingUnit, market: Circumstances['market']): boolean {
  return market.territory(unit.mpanCore.slice(0, 2))?.to !== null;
}

function openAppointment(unit: Unit): AppointmentRow | null {
  const last = unit.appointments.at(-1);
  return last?.metering_service_etd === null ? last : null;
}

/** A day from `notice` days ahead to the limit on which something may follow the current appointment, if there is one. */
function dayToCome(
  unit: Served,
  current: AppointmentRow | null,
  { random, today, market }: Circumstances,
  notice: number,
): number | null {
  if (current === null || current.metering_service_efd === null || isClosed(unit, market)) return null;
  const earliest = Math.max(today + notice, current.metering_service_efd + 1, (unit.point.supplier_efd ?? 0) + 1);
  const latest = today + daysAheadMax;
  return earliest > latest ? null : random.between(earliest, latest);
}

function successor(
  circumstances: Circumstances,
  point: PointRow,
  current: AppointmentRow,
  reason: string,
): AppointmentRow {
  const { random, nextAppointmentId } = circumstances;
  return makeAppointment(random, point, nextAppointmentId(), reason, current.meter_id);
}
