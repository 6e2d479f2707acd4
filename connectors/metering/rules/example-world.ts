import type {
  AcceptedAppointment,
  AppointmentItems,
  Circumstances,
  Entity,
  ItemsOf,
  MeterAssetItems,
  MeteringPointItems,
  RuleParameters,
  Subject,
} from './contract.ts';
import { defaultParameters } from './parameters.ts';
import { ReferenceData } from './reference-data.ts';
import { parseIsoDay } from './wording.ts';

/** A small world in which every example lives: one good record of each kind, and reference data that knows them. */

export const day = parseIsoDay;

/** The date of source time in the examples. */
export const exampleToday = day('2024-03-25');

export const goodPoint: MeteringPointItems = {
  mpan_core: '1312345678907',
  gsp_group: '_D',
  distributor_mpid: 'MANW',
  supplier_mpid: 'SUPA',
  supplier_efd: day('2024-04-01'),
  market_segment: 'S',
  data_service_mpid: 'DATA',
  data_service_efd: day('2023-10-01'),
  measurement_quantity: 'AI',
  domestic: true,
  load_shape_category: 'S-D-W-AI',
  connection_type: 'W',
  metering_service_mpid: 'MSVA',
  metering_service_efd: day('2024-04-01'),
  line_loss_factor: 1_055_000,
  line_loss_factor_class: '001',
  opt_out: false,
};

export const goodAppointment: AppointmentItems = {
  appointment_id: 7,
  mpan_core: '1312345678907',
  service_type: 'MSS',
  mpid: 'MSVA',
  metering_service_efd: day('2024-04-01'),
  metering_service_etd: null,
  reason: 'COS',
  supplier_mpid: 'SUPA',
  supplier_efd: day('2024-04-01'),
  supplier_etd: null,
  meter_id: 'E6S1234567',
  contract_reference: 'C-2024-001',
};

export const goodAsset: MeterAssetItems = {
  device_id: '00-DB-12-34-56-78-90-A0',
  mpan_core: '1312345678907',
  serial_number: 'E6S1234567',
  device_type: 'ESME',
  manufacturer: 'Synthetic Meters',
  model: 'SM-1',
  status: 'Commissioned',
  installed_on: day('2022-05-16'),
  removed_on: null,
  removal_reason: null,
  firmware_version: '1.0.4',
  firmware_status: 'Active',
  csp_region: 'North',
  postcode: 'M1 1AE',
  uprn: '10012345678',
  dcc_compliant: true,
  dcc_approved: true,
  map_mpid: 'MAPA',
  map_efd: day('2022-05-16'),
  map_etd: null,
};

/** Participants and distributors that the examples name; `OLDS` and the distributor EDFI ended, `NEWS` began late. */
export function exampleReference(): ReferenceData {
  const reference = new ReferenceData();
  const hold = (mpid: string, role: string, from: string, to: string | null): void => {
    reference.upsert('participant', {
      mpid,
      role,
      effective_from: day(from),
      effective_to: to === null ? null : day(to),
      reference_version: 312,
    });
  };
  const work = (prefix: string, mpid: string, group: string, from: string, to: string | null): void => {
    reference.upsert('distributor_gsp_group', {
      prefix,
      distributor_mpid: mpid,
      gsp_group: group,
      effective_from: day(from),
      effective_to: to === null ? null : day(to),
    });
  };
  for (const mpid of ['MANW', 'LOND', 'HYDE']) hold(mpid, 'R', '1998-04-01', null);
  hold('EDFI', 'R', '2009-04-16', '2014-12-17');
  hold('SUPA', 'X', '2010-01-01', null);
  hold('SUP1', 'X', '2010-01-01', null);
  hold('OLDS', 'X', '2005-01-01', '2019-12-31');
  hold('NEWS', 'X', '2024-06-01', null);
  hold('DATA', 'D', '2015-01-01', null);
  for (const mpid of ['MSVA', 'MSAA', 'UMSA', 'MSVZ']) hold(mpid, 'M', '2015-01-01', null);
  hold('MAPA', 'Z', '2012-01-01', null);
  hold('MAPO', 'Z', '2012-01-01', '2020-06-30');
  work('13', 'MANW', '_D', '1998-04-01', null);
  work('12', 'LOND', '_C', '1998-04-01', null);
  work('17', 'HYDE', '_P', '1998-04-01', null);
  work('17', 'HYDE', '_N', '1998-04-01', null);
  work('28', 'EDFI', '_C', '2009-04-16', '2014-12-17');
  return reference;
}

const reference = exampleReference();

/** What an example has besides its items; what is left out is as it is for a good record. */
export interface Situation<E extends Entity> {
  readonly recordType?: Subject['recordType'];
  readonly invalid?: Readonly<Record<string, string>>;
  readonly previous?: Partial<ItemsOf[E]> | null;
  readonly senderId?: string;
  readonly today?: string;
  readonly appointments?: readonly AcceptedAppointment[];
  readonly lastEventOpen?: boolean;
  /** Flow 1’s accepted metering point, as it differs from the good one; null when there is none. */
  readonly point?: Partial<MeteringPointItems> | null;
  readonly parameters?: Partial<RuleParameters>;
}

/** A record and its circumstances, and the codes (of broken rules, then of warnings) that the whole judge tells. */
export interface RuleExample {
  readonly code: string;
  readonly title: string;
  /** Does the rule hold here? */
  readonly passes: boolean;
  readonly told: readonly string[];
  /** How the record differs from a good one. */
  readonly change: Readonly<Record<string, unknown>>;
  readonly subject: Subject;
  readonly circumstances: Circumstances;
}

/** An accepted appointment of the example’s metering point. */
export function acceptedAppointment(
  appointmentId: number,
  efd: string,
  etd: string | null,
  change: Partial<AppointmentItems> = {},
): AcceptedAppointment {
  const items = {
    ...goodAppointment,
    metering_service_efd: day(efd),
    metering_service_etd: etd === null ? null : day(etd),
    ...change,
    appointment_id: appointmentId,
  };
  return { appointmentId, items };
}

function circumstancesOf(situation: Situation<Entity>): Circumstances {
  const point = situation.point === null ? null : { ...goodPoint, ...situation.point };
  return {
    reference,
    parameters: { ...defaultParameters, ...situation.parameters },
    today: situation.today === undefined ? exampleToday : day(situation.today),
    store: {
      appointments: situation.appointments ?? [],
      lastEventOpen: situation.lastEventOpen ?? false,
      point,
      pointOn: (on) => (point === null || point.supplier_efd === null || on < point.supplier_efd ? null : point),
    },
  };
}

function exampleMaker<E extends Entity>(entity: E, good: ItemsOf[E]) {
  return (
    code: string,
    title: string,
    told: readonly string[],
    change: Partial<ItemsOf[E]>,
    situation: Situation<E> = {},
  ): RuleExample => {
    const previous = situation.previous;
    const subject: Subject<E> = {
      entity,
      recordType: situation.recordType ?? 'create',
      items: { ...good, ...change },
      invalid: situation.invalid ?? {},
      senderId: situation.senderId ?? 'REGS',
      previous: previous === undefined || previous === null ? null : { ...good, ...previous },
    };
    const { previous: _, ...rest } = situation;
    return {
      code,
      title,
      passes: !told.includes(code),
      told,
      change: { ...change },
      subject,
      circumstances: circumstancesOf(rest),
    };
  };
}

/** `point('CODE', 'what it shows', ['CODES', 'TOLD'], items that differ from a good record, its situation)`. */
export const point = exampleMaker('metering_point', goodPoint);
export const appointment = exampleMaker('appointment', goodAppointment);
export const asset = exampleMaker('meter_asset', goodAsset);
