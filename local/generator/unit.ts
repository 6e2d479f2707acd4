import { clockChanges, type Day, day } from './calendar.ts';
import type { Market, Territory } from './market.ts';
import type { Random } from './random.ts';
import { dataServices, meteringServices, otherMeteringService } from './reference.ts';
import { deviceOf } from './asset.ts';
import type { AppointmentRow, PointRow, Unit } from './rows.ts';

export type Segment = keyof typeof meteringServices;

const earliest = day('2010-01-01');
const connectionsAdvanced = ['W', 'L', 'L', 'L', 'H', 'E'] as const;
const lossClasses = ['001', '002', '003', '010', '101', '115', 'G48', 'A07', '3HX', '999'] as const;
const changes = clockChanges(2010, 2026);
const otherReasons = ['CSP', 'CSP', 'CSP', 'MCA', 'MCS', 'USP', 'SEG'] as const;

/** What a unit is made in: the market, the date it is, and the next free numbers. */
export interface Setting {
  readonly market: Market;
  readonly today: Day;
  readonly nextAppointmentId: () => number;
  readonly nextDeviceId: () => string;
}

/** A setting with the randomness for one unit. */
export interface Circumstances extends Setting {
  readonly random: Random;
}

/** A unit of a segment that is wished for is served by a metering service of ours. */
export interface Wish {
  readonly segment?: Segment;
}

/** A metering point with its appointments and assets, clean: no rule of the rule book is broken by it. */
export function makeUnit(random: Random, mpanCore: string, setting: Setting, wish: Wish = {}): Unit {
  const territory = setting.market.territory(mpanCore.slice(0, 2));
  if (territory === null) throw new RangeError('the prefix is in no territory');
  const segment = wish.segment ?? random.weighted(segments);
  const window = {
    from: Math.max(earliest, territory.from),
    to: Math.min(setting.today, territory.to ?? setting.today),
  };
  const supplierEfd = pastDay(random, window);
  const serviceEfd = random.chance(0.75) ? supplierEfd : random.between(supplierEfd, window.to);
  const point = makePoint(random, mpanCore, segment, territory, setting.market.supplier(random, supplierEfd), {
    supplier: supplierEfd,
    dataService: random.chance(0.7) ? supplierEfd : random.between(window.from, window.to),
    meteringService: serviceEfd,
  });
  if (wish.segment !== undefined) point.metering_service_mpid = meteringServices[segment].mpid;
  const appointments = appointmentsOf(random, point, segment, setting);
  const assets = segment === 'S' ? deviceOf(random, point, appointments.at(-1)?.meter_id ?? null, setting) : [];
  return { point, appointments, assets };
}

const segments: readonly { value: Segment; weight: number }[] = [
  { value: 'S', weight: 98.8 },
  { value: 'A', weight: 1.1 },
  { value: 'U', weight: 0.1 },
];

/** One point in five changes supplier in a year, so that most EFDs are recent; some fall on a change of the clocks. */
export function pastDay(random: Random, window: { from: Day; to: Day }): Day {
  if (random.chance(0.01)) {
    const change = random.pick(changes);
    if (change >= window.from && change <= window.to) return change;
  }
  const back = Math.floor(-Math.log(1 - random.fraction()) * 1500);
  return window.to - back >= window.from ? window.to - back : random.between(window.from, window.to);
}

/** The three effective-from dates of a metering point. */
export interface EffectiveFrom {
  readonly supplier: Day;
  readonly dataService: Day;
  readonly meteringService: Day;
}

export function makePoint(
  random: Random,
  mpanCore: string,
  segment: Segment,
  territory: Territory,
  supplier: string,
  efd: EffectiveFrom,
): PointRow {
  const service = segment === 'S' && random.chance(0.04) ? otherMeteringService : meteringServices[segment].mpid;
  const point: PointRow = {
    mpan_core: mpanCore,
    gsp_group: random.chance(0.9) ? (territory.groups[0] ?? null) : random.pick(territory.groups),
    distributor_mpid: territory.distributor,
    supplier_mpid: supplier,
    supplier_efd: efd.supplier,
    market_segment: segment,
    data_service_mpid: random.pick(dataServices[segment]),
    data_service_efd: efd.dataService,
    measurement_quantity: random.chance(0.03) ? 'AE' : segment === 'A' && random.chance(0.05) ? 'RI' : 'AI',
    domestic: segment === 'S' && random.chance(0.921),
    load_shape_category: null,
    connection_type: segment === 'U' ? 'U' : segment === 'S' ? 'W' : random.pick(connectionsAdvanced),
    metering_service_mpid: service,
    metering_service_efd: efd.meteringService,
    line_loss_factor: random.chance(0.01) ? null : lossFactor(random),
    line_loss_factor_class: lossClass(random),
    opt_out: random.chance(0.005) ? null : random.chance(0.12),
  };
  if (random.chance(0.95)) point.load_shape_category = loadShape(point);
  return point;
}

/** Between 0.9 and 1.2, with as many places as it happens to have. */
export function lossFactor(random: Random): string {
  return (0.9 + random.integer(300_000) / 1_000_000).toFixed(random.chance(0.2) ? 6 : 3);
}

export function lossClass(random: Random): string {
  return random.pick(lossClasses);
}

export function loadShape(point: PointRow): string {
  const use = point.domestic === true ? 'D' : 'N';
  return `${point.market_segment}-${use}-${point.connection_type}-${point.measurement_quantity}`;
}

/** The current appointment, and for some the one before it, which ended the day before. */
function appointmentsOf(random: Random, point: PointRow, segment: Segment, setting: Setting): AppointmentRow[] {
  const since = point.supplier_efd ?? 0;
  const from = point.metering_service_efd ?? 0;
  const meter = segment === 'U' ? null : meterId(random, from);
  if (from === since) {
    return [makeAppointment(random, point, setting.nextAppointmentId(), random.chance(0.85) ? 'COS' : 'NEW', meter)];
  }
  const before = makeAppointment(random, point, setting.nextAppointmentId(), 'COS', meter);
  before.metering_service_efd = random.chance(0.7) ? since : random.between(since, from - 1);
  before.metering_service_etd = from - 1;
  const current = makeAppointment(random, point, setting.nextAppointmentId(), random.pick(otherReasons), meter);
  return [before, current];
}

/** The appointment that says of the metering service what the point itself says. */
export function makeAppointment(
  random: Random,
  point: PointRow,
  appointmentId: number,
  reason: string,
  meter: string | null,
): AppointmentRow {
  return {
    appointment_id: appointmentId,
    mpan_core: point.mpan_core,
    service_type: meteringServices[segmentOf(point)].serviceType,
    mpid: point.metering_service_mpid,
    metering_service_efd: point.metering_service_efd,
    metering_service_etd: null,
    reason,
    supplier_mpid: point.supplier_mpid,
    supplier_efd: point.supplier_efd,
    supplier_etd: null,
    meter_id: meter,
    contract_reference: contractReference(random),
  };
}

export function segmentOf(point: PointRow): Segment {
  const segment = point.market_segment;
  return segment === 'A' || segment === 'U' ? segment : 'S';
}

export function contractReference(random: Random): string {
  return `C${random.digits(random.chance(0.1) ? 9 : 6)}`;
}

/** Ten characters: the year it was made, its maker and a number. */
export function meterId(random: Random, from: Day): string {
  const year = String(Math.floor(from / 365.25 + 1970) % 100).padStart(2, '0');
  return `${year}${random.pick(['E', 'L', 'M', 'P', 'S'])}${random.digits(7)}`;
}
