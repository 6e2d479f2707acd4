import { isMpanCore } from '../mpan.ts';
import type { Territory } from '../market.ts';
import { dataServices, meteringServices, nobody, otherMeteringService } from '../reference.ts';
import type { AppointmentRow, AssetRow, PointRow } from '../rows.ts';
import {
  type Circumstances,
  contractReference,
  loadShape,
  makePoint,
  meterId,
  type Segment,
  segmentOf,
} from '../unit.ts';
import { isClosed } from './business.ts';
import { differences, type LivingUnit, nothingThere } from './state.ts';

const reasons = ['COS', 'CSP', 'USP', 'SEG', 'MCA', 'MCS', 'NEW'];
const daysAheadMax = 28;

/**
 * The unit with everything put right that a rule would find fault with, or null where nothing is wrong.
 * What stands under an impossible MPAN core is deleted; an appointment whose point is missing gets its point.
 */
export function repaired(unit: LivingUnit, circumstances: Circumstances): LivingUnit | null {
  const territory = circumstances.market.territory(unit.mpanCore.slice(0, 2));
  const good =
    !isMpanCore(unit.mpanCore) || territory === null
      ? nothingThere(unit.mpanCore)
      : isClosed(unit, circumstances.market)
        ? unit
        : repairedUnit(unit, territory, circumstances);
  return differences(unit, good).length === 0 ? null : good;
}

function repairedUnit(unit: LivingUnit, territory: Territory, circumstances: Circumstances): LivingUnit {
  const assets = unit.assets.filter(hasDeviceId).map((row) => repairedAsset(row, circumstances));
  const current = unit.appointments.findLast((row) => isFit(row, unit.point, circumstances));
  const before = unit.point ?? pointFor(unit.mpanCore, current, territory, circumstances);
  if (before === null) return { ...unit, appointments: [], assets };
  const point = repairedPoint(before, current, territory, circumstances);
  const appointments = repairedAppointments(unit.appointments, point, circumstances);
  const last = appointments.at(-1);
  if (last === undefined) return { ...unit, point, appointments, assets };
  const service = { metering_service_mpid: last.mpid, metering_service_efd: last.metering_service_efd };
  return { ...unit, point: { ...point, ...service }, appointments, assets };
}

/** Does the appointment name a supplier that there is, and the one that Flow 1 names as far as that is known? */
function isFit(row: AppointmentRow, point: PointRow | null, { market }: Circumstances): boolean {
  if (row.supplier_efd === null || !market.isSupplier(row.supplier_mpid, row.supplier_efd)) return false;
  const known = point?.supplier_efd ?? null;
  if (point === null || known === null || !market.isSupplier(point.supplier_mpid, known)) return true;
  return row.supplier_mpid === point.supplier_mpid && row.supplier_efd === known;
}

function pointFor(
  mpanCore: string,
  row: AppointmentRow | undefined,
  territory: Territory,
  { random }: Circumstances,
): PointRow | null {
  if (row === undefined || row.supplier_mpid === null) return null;
  if (row.supplier_efd === null || row.metering_service_efd === null) return null;
  const segment: Segment = row.service_type === 'MSA' ? 'A' : row.service_type === 'UMSO' ? 'U' : 'S';
  const efd = { supplier: row.supplier_efd, dataService: row.supplier_efd, meteringService: row.metering_service_efd };
  return makePoint(random, mpanCore, segment, territory, row.supplier_mpid, efd);
}

function repairedPoint(
  row: PointRow,
  current: AppointmentRow | undefined,
  territory: Territory,
  { random, market, today }: Circumstances,
): PointRow {
  const point = { ...row };
  if (!territory.groups.includes(point.gsp_group ?? '')) point.gsp_group = territory.groups[0] ?? null;
  point.distributor_mpid = territory.distributor;
  const segment = segmentOf(point);
  point.market_segment = segment;
  const since = point.supplier_efd ?? current?.supplier_efd ?? today;
  point.supplier_efd = since;
  if (!market.isSupplier(point.supplier_mpid, since)) {
    point.supplier_mpid = current?.supplier_mpid ?? market.supplier(random, since);
    point.supplier_efd = current?.supplier_efd ?? since;
  }
  point.data_service_mpid = known(dataServices[segment], point.data_service_mpid);
  point.data_service_efd ??= point.supplier_efd;
  point.metering_service_mpid = known(servicesOf(segment), point.metering_service_mpid);
  point.metering_service_efd ??= point.supplier_efd;
  point.domestic ??= false;
  point.measurement_quantity = known(['AI', 'AE', 'RI', 'RE'], point.measurement_quantity);
  point.connection_type = known(connectionsOf(segment), point.connection_type);
  if (point.load_shape_category !== null) point.load_shape_category = loadShape(point);
  const factor = Number(point.line_loss_factor ?? 1);
  if (!(factor >= 0.5 && factor <= 2)) point.line_loss_factor = '1.000';
  if (!/^[A-Z0-9]{3}$/.test(point.line_loss_factor_class ?? '')) point.line_loss_factor_class = '001';
  return point;
}

function servicesOf(segment: Segment): readonly string[] {
  const own = meteringServices[segment].mpid;
  return segment === 'S' ? [own, otherMeteringService] : [own];
}

function connectionsOf(segment: Segment): readonly string[] {
  return segment === 'S' ? ['W'] : segment === 'U' ? ['U'] : ['W', 'L', 'H', 'E'];
}

/** The value if it is one of those known, else the first of them. */
function known(values: readonly string[], value: string | null): string | null {
  return value !== null && values.includes(value) ? value : (values[0] ?? null);
}

/** Each appointment put right, then those that cannot stay taken out, then the days divided between the others. */
function repairedAppointments(
  found: readonly AppointmentRow[],
  point: PointRow,
  circumstances: Circumstances,
): AppointmentRow[] {
  // As they were sent: by their dates, one that is wrong could change places with one that is right.
  const rows = found.toSorted((left, right) => left.appointment_id - right.appointment_id);
  const kept: AppointmentRow[] = [];
  for (const row of rows) {
    const good = repairedAppointment(row, point, row === rows.at(-1), circumstances);
    const from = good.metering_service_efd ?? 0;
    const before = kept.at(-1);
    if (before !== undefined && from <= (before.metering_service_efd ?? 0)) continue;
    if (kept.length > 0 && from > circumstances.today + daysAheadMax) continue;
    if (before !== undefined) endBefore(before, good, from);
    kept.push(good);
  }
  const last = kept.at(-1);
  if (last !== undefined) {
    last.metering_service_etd = null;
    last.supplier_etd = null;
  }
  return kept.map((row) => asResent(row, rows, circumstances));
}

function endBefore(before: AppointmentRow, next: AppointmentRow, from: number): void {
  before.metering_service_etd = from - 1;
  const sameSupply = before.supplier_mpid === next.supplier_mpid && before.supplier_efd === next.supplier_efd;
  before.supplier_etd = sameSupply ? null : from - 1;
}

function repairedAppointment(
  row: AppointmentRow,
  point: PointRow,
  isCurrent: boolean,
  { random, market }: Circumstances,
): AppointmentRow {
  const segment = segmentOf(point);
  const good = { ...row, service_type: meteringServices[segment].serviceType };
  const since = row.supplier_efd;
  const earlierSupply =
    since !== null && since < (point.supplier_efd ?? 0) && market.isSupplier(row.supplier_mpid, since);
  if (!earlierSupply) {
    good.supplier_mpid = point.supplier_mpid;
    good.supplier_efd = point.supplier_efd;
  }
  if (good.supplier_etd === Number.POSITIVE_INFINITY) good.supplier_etd = null;
  // Of the current one the point says when it begins; none begins before its supplier.
  const least = Math.max((isCurrent ? point.metering_service_efd : null) ?? 0, good.supplier_efd ?? 0);
  good.metering_service_efd = Math.max(good.metering_service_efd ?? 0, least);
  good.mpid = known(servicesOf(segment), row.mpid);
  good.reason = known(['CSP', ...reasons], row.reason);
  if (row.contract_reference === null || row.contract_reference.length > 10) {
    good.contract_reference = contractReference(random);
  }
  if (segment === 'U') good.meter_id = null;
  else if (row.meter_id === null || row.meter_id.length > 10) good.meter_id = meterId(random, since ?? 0);
  return good;
}

/** A change of supplier that has begun cannot be sent again as one: it goes as a change of the service provider. */
function asResent(row: AppointmentRow, before: readonly AppointmentRow[], { today }: Circumstances): AppointmentRow {
  const was = before.find((one) => one.appointment_id === row.appointment_id);
  const untouched =
    was !== undefined &&
    was.reason === row.reason &&
    was.service_type === row.service_type &&
    was.supplier_efd === row.supplier_efd &&
    was.metering_service_efd === row.metering_service_efd;
  return untouched || row.reason !== 'COS' || (row.supplier_efd ?? 0) > today ? row : { ...row, reason: 'CSP' };
}

function hasDeviceId(row: AssetRow): boolean {
  return /^([0-9A-F]{2}-){7}[0-9A-F]{2}$/.test(row.device_id);
}

function repairedAsset(row: AssetRow, { random, market, today }: Circumstances): AssetRow {
  const asset = { ...row };
  if (asset.uprn !== null && !/^[0-9]{1,12}$/.test(asset.uprn)) asset.uprn = random.digits(12);
  if (asset.postcode !== null && !/^[A-Z]{1,2}[0-9][0-9A-Z]?\s?[0-9][ABD-HJLNP-UW-Z]{2}$/.test(asset.postcode)) {
    asset.postcode = 'LE1 1AA';
  }
  asset.installed_on ??= today;
  asset.map_efd = Math.max(asset.map_efd ?? 0, asset.installed_on);
  if (asset.map_mpid === null || asset.map_mpid === nobody || !market.isMap(asset.map_mpid, asset.map_efd)) {
    asset.map_mpid = market.map(random, asset.map_efd);
  }
  if (asset.map_etd !== null && asset.map_etd < asset.map_efd) asset.map_etd = null;
  return asset;
}
