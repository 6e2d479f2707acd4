import { makeAsset } from './asset.ts';
import type { Random } from './random.ts';
import { mpanAt, withWrongCheckDigit } from './mpan.ts';
import {
  endedMap,
  failedSupplier,
  nobody,
  otherMeteringService,
  supplierWithDigits,
  unusedPrefix,
} from './reference.ts';
import type { AppointmentRow, AssetRow, PointRow, Unit } from './rows.ts';
import { type Circumstances, makeAppointment, type Segment } from './unit.ts';

export type Disposition = 'error' | 'rejection' | 'hold' | 'warn';

/** One way in which a record breaks exactly one rule of the rule book. */
export interface Defect {
  /** The rule that must find it. */
  readonly code: string;
  readonly table: 'metering_point' | 'appointment' | 'meter_asset';
  readonly disposition: Disposition;
  /** Only a change is refused for it, not what a snapshot reads. */
  readonly aboutToday: boolean;
  /** The kind of unit it is possible in. */
  readonly segment: Segment;
  /** Changes the unit, which was clean, and says which row is the bad one. */
  spoil(unit: Unit, circumstances: Circumstances): PointRow | AppointmentRow | AssetRow;
}

type Spoil<R> = (row: R, circumstances: Circumstances, unit: Unit) => void;

function point(code: string, disposition: Disposition, spoil: Spoil<PointRow>): Defect {
  return {
    code,
    table: 'metering_point',
    disposition,
    aboutToday: false,
    segment: 'S',
    spoil: (unit, circumstances) => {
      spoil(unit.point, circumstances, unit);
      return unit.point;
    },
  };
}

interface AppointmentDefect {
  readonly aboutToday?: boolean;
  readonly segment?: Segment;
  /** A further appointment is the bad one, and the current one stays as it is. */
  readonly further?: boolean;
}

function appointment(
  code: string,
  disposition: Disposition,
  spoil: Spoil<AppointmentRow>,
  kind: AppointmentDefect = {},
): Defect {
  return {
    code,
    table: 'appointment',
    disposition,
    aboutToday: kind.aboutToday ?? false,
    segment: kind.segment ?? 'S',
    spoil: (unit, circumstances) => {
      const current = unit.appointments.at(-1);
      if (current === undefined) throw new RangeError('the unit has no appointment to spoil');
      const row = kind.further === true ? furtherAppointment(unit, current, circumstances) : current;
      spoil(row, circumstances, unit);
      return row;
    },
  };
}

function furtherAppointment(
  unit: Unit,
  current: AppointmentRow,
  { random, nextAppointmentId }: Circumstances,
): AppointmentRow {
  const row = {
    ...makeAppointment(random, unit.point, nextAppointmentId(), 'CSP', current.meter_id),
    metering_service_efd: current.metering_service_efd,
  };
  unit.appointments.push(row);
  return row;
}

/** A further device is the bad one. */
function asset(code: string, disposition: Disposition, spoil: Spoil<AssetRow>): Defect {
  return {
    code,
    table: 'meter_asset',
    disposition,
    aboutToday: false,
    segment: 'S',
    spoil: (unit, circumstances) => {
      const { random, today } = circumstances;
      const row = makeAsset(
        random,
        unit.point,
        `P${random.digits(9)}`,
        'PPMID',
        today - random.between(100, 3000),
        circumstances,
      );
      unit.assets.push(row);
      spoil(row, circumstances, unit);
      return row;
    },
  };
}

/** A day before which and after which everybody of the first reference data holds the role. */
const quiet = 60;

const pointDefects: readonly Defect[] = [
  point('ITEM_MISSING', 'error', (row, { random }) => {
    const item = random.pick([
      'measurement_quantity',
      'gsp_group',
      'data_service_mpid',
      'metering_service_efd',
    ] as const);
    Object.assign(row, { [item]: null });
  }),
  point('ITEM_INVALID', 'error', (row) => void (row.line_loss_factor = 'NaN')),
  point('MPAN_FORMAT', 'error', (row, { random }) => {
    const mpan = row.mpan_core;
    row.mpan_core = random.chance(0.5) ? mpan.slice(0, 12) : `${mpan.slice(0, 2)} ${mpan.slice(2, 6)} ${mpan.slice(6)}`;
  }),
  point('MPAN_CHECK_DIGIT', 'error', (row) => void (row.mpan_core = withWrongCheckDigit(row.mpan_core))),
  point(
    'GSP_GROUP_UNKNOWN',
    'error',
    (row, { random }) => void (row.gsp_group = random.pick(['_I', '_O', 'A', '_AA'])),
  ),
  point('MPID_FORMAT', 'error', (row, { random }) => void (row.supplier_mpid = random.pick(['albn', 'AL', 'SUPPLY']))),
  point('MPID_DIGITS', 'warn', (row) => void (row.supplier_mpid = supplierWithDigits)),
  point('SEGMENT_UNKNOWN', 'error', (row) => void (row.market_segment = 'X')),
  point('QUANTITY_UNKNOWN', 'error', (row) => void (row.measurement_quantity = 'AX')),
  point('CONNECTION_UNKNOWN', 'error', (row) => void (row.connection_type = 'Q')),
  point(
    'LLF_CLASS_FORMAT',
    'error',
    (row, { random }) => void (row.line_loss_factor_class = random.pick(['1', 'g48'])),
  ),
  point('LLF_RANGE', 'warn', (row, { random }) => void (row.line_loss_factor = random.pick(['2.75', '0.1', '10.42']))),
  point('MPAN_PREFIX', 'error', (row, { random }) => void (row.mpan_core = anyMpan(unusedPrefix, random))),
  point('GSP_GROUP_DISTRIBUTOR', 'error', (row) => {
    // Of the old networks only these two have points in group _N.
    row.gsp_group = ['17', '18'].includes(row.mpan_core.slice(0, 2)) ? '_A' : '_N';
  }),
  point('DISTRIBUTOR_MISMATCH', 'error', (row) => {
    row.distributor_mpid = row.distributor_mpid === 'LOND' ? 'EELC' : 'LOND';
  }),
  point('PARTICIPANT_UNKNOWN', 'hold', (row) => void (row.supplier_mpid = nobody)),
  point('PARTICIPANT_ROLE_INACTIVE', 'error', (row) => {
    row.supplier_mpid = failedSupplier.mpid;
    row.supplier_efd = Math.max(row.supplier_efd ?? 0, failedSupplier.to + quiet);
  }),
  point('SEGMENT_CONNECTION', 'error', (row, { random }) => {
    row.connection_type = random.pick(['L', 'H', 'E', 'U']);
    row.load_shape_category = null;
  }),
  point('LOAD_SHAPE_INCONSISTENT', 'error', (row) => void (row.load_shape_category = 'A-D-W-AI')),
];

const appointmentDefects: readonly Defect[] = [
  appointment('ITEM_MISSING', 'error', (row, { random }) => {
    Object.assign(row, { [random.pick(['mpid', 'reason', 'supplier_mpid'] as const)]: null });
  }),
  appointment('ITEM_INVALID', 'error', (row) => void (row.supplier_etd = Number.POSITIVE_INFINITY)),
  appointment('MPAN_FORMAT', 'error', (row) => void (row.mpan_core = row.mpan_core?.slice(1) ?? ''), { further: true }),
  appointment('MPAN_CHECK_DIGIT', 'error', (row) => void (row.mpan_core = withWrongCheckDigit(row.mpan_core ?? '')), {
    further: true,
  }),
  appointment('MPAN_PREFIX', 'error', (row, { random }) => void (row.mpan_core = anyMpan(unusedPrefix, random)), {
    further: true,
  }),
  appointment('MPID_FORMAT', 'error', (row) => void (row.mpid = 'MS')),
  appointment('SERVICE_TYPE_UNKNOWN', 'error', (row) => void (row.service_type = 'MSX')),
  appointment('REASON_UNKNOWN', 'error', (row) => void (row.reason = 'XYZ')),
  appointment('CONTRACT_MISSING', 'rejection', (row) => void (row.contract_reference = null)),
  appointment('CONTRACT_FORMAT', 'error', (row, { random }) => void (row.contract_reference = `C${random.digits(27)}`)),
  appointment('METER_ID_FORMAT', 'error', (row, { random }) => void (row.meter_id = `E${random.digits(13)}`)),
  appointment('METER_ID_MISSING', 'rejection', (row) => void (row.meter_id = null)),
  appointment('METER_ID_UNMETERED', 'error', (row, { random }) => void (row.meter_id = `E${random.digits(9)}`), {
    segment: 'U',
  }),
  appointment('DATE_ORDER', 'error', (row) => void (row.metering_service_etd = (row.metering_service_efd ?? 0) - 1)),
  appointment('PARTICIPANT_UNKNOWN', 'hold', (row) => void (row.supplier_mpid = nobody)),
  appointment('NOT_ADDRESSEE', 'rejection', (row) => void (row.mpid = 'MSAA')),
  appointment('SERVICE_BEFORE_SUPPLIER', 'rejection', (row) => {
    row.supplier_efd = (row.metering_service_efd ?? 0) + 5;
    row.reason = 'CSP';
  }),
  appointment('SERVICE_OUTSIDE_SUPPLIER', 'rejection', (row) => {
    const since = row.supplier_efd ?? 0;
    Object.assign(row, { reason: 'CSP', supplier_etd: since + 5, metering_service_efd: since + 10 });
    row.metering_service_etd = since + 20;
  }),
  appointment('COS_AFTER_SUPPLY_START', 'rejection', (row) => void (row.reason = 'COS'), {
    aboutToday: true,
    further: true,
  }),
  appointment('EFD_TOO_FAR', 'rejection', (row, { today }) => void (row.metering_service_efd = today + quiet), {
    aboutToday: true,
    further: true,
  }),
  appointment('APPOINTMENT_OVERLAP', 'error', () => undefined, { further: true }),
  appointment('APPOINTMENT_GAP', 'warn', leaveGap, { further: true }),
  appointment('SEGMENT_TARGET', 'rejection', (row) => {
    Object.assign(row, { service_type: 'MSA', mpid: 'MSAA', reason: 'CSP' });
  }),
  appointment('METERING_POINT_UNKNOWN', 'hold', (row, { random }) => void (row.mpan_core = anyMpan('10', random)), {
    further: true,
  }),
  appointment('SUPPLIER_MISMATCH', 'hold', (row, { market, random }) => {
    row.supplier_mpid = market.supplier(random, row.supplier_efd ?? 0, row.supplier_mpid);
  }),
];

const assetDefects: readonly Defect[] = [
  asset('MPAN_FORMAT', 'error', (row) => void (row.mpan_core = row.mpan_core?.slice(0, 11) ?? '')),
  asset('MPAN_CHECK_DIGIT', 'error', (row) => void (row.mpan_core = withWrongCheckDigit(row.mpan_core ?? ''))),
  asset('DEVICE_ID_FORMAT', 'error', (row) => void (row.device_id = row.device_id.replaceAll('-', ''))),
  asset('UPRN_FORMAT', 'error', (row) => void (row.uprn = `U${row.uprn ?? ''}`.slice(0, 8))),
  asset('POSTCODE_FORMAT', 'error', (row) => void (row.postcode = 'EH1 1CI')),
  asset('DATE_ORDER', 'error', (row) => void (row.map_etd = (row.map_efd ?? 0) - 1)),
  asset('MAP_UNKNOWN', 'hold', (row) => void (row.map_mpid = nobody)),
  asset('MAP_INACTIVE', 'error', (row) => {
    row.map_mpid = endedMap.mpid;
    row.map_efd = Math.max(row.map_efd ?? 0, endedMap.to + quiet);
  }),
  asset('MAP_DATES', 'error', (row) => void (row.map_efd = (row.installed_on ?? 0) - 30)),
];

/** SERVICE_MISMATCH needs the appointment first and the point after it, so that no initial load shows it. */
const changeDefects: readonly Defect[] = [
  {
    ...point('SERVICE_MISMATCH', 'warn', (row) => void (row.metering_service_mpid = otherMeteringService)),
    aboutToday: true,
  },
];

export const defects: readonly Defect[] = [...pointDefects, ...appointmentDefects, ...assetDefects, ...changeDefects];

/** The current appointment ends on its first day, and the next begins two days later: one day has no service. */
function leaveGap(row: AppointmentRow, _: Circumstances, unit: Unit): void {
  const current = unit.appointments.at(-2);
  const from = current?.metering_service_efd ?? 0;
  if (current !== undefined) current.metering_service_etd = from;
  row.metering_service_efd = from + 2;
}

/** A valid MPAN core of the prefix at random: with ten free digits it is nobody's. */
function anyMpan(prefix: string, random: Random): string {
  return mpanAt(prefix, random.integer(10_000_000_000), 0);
}
