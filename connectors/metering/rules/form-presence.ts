import type { AppointmentItems, MeteringPointItems, Rule, Subject } from './contract.ts';
import { defineRule, type Finding, finding, nothing } from './define.ts';
import { quoted } from './wording.ts';

const pointItems = [
  'mpan_core',
  'gsp_group',
  'distributor_mpid',
  'supplier_mpid',
  'supplier_efd',
  'market_segment',
  'data_service_mpid',
  'data_service_efd',
  'measurement_quantity',
  'domestic',
  'connection_type',
  'metering_service_mpid',
  'metering_service_efd',
  'line_loss_factor_class',
] as const;

const appointmentItems = [
  'appointment_id',
  'mpan_core',
  'service_type',
  'mpid',
  'metering_service_efd',
  'reason',
  'supplier_mpid',
  'supplier_efd',
] as const;

// Spelled out and not looped: this runs for each event, and fixed property reads cost a tenth of computed ones.
function isPointWhole(items: MeteringPointItems): boolean {
  return (
    items.mpan_core !== null &&
    items.gsp_group !== null &&
    items.distributor_mpid !== null &&
    items.supplier_mpid !== null &&
    items.supplier_efd !== null &&
    items.market_segment !== null &&
    items.data_service_mpid !== null &&
    items.data_service_efd !== null &&
    items.measurement_quantity !== null &&
    items.domestic !== null &&
    items.connection_type !== null &&
    items.metering_service_mpid !== null &&
    items.metering_service_efd !== null &&
    items.line_loss_factor_class !== null
  );
}

function isAppointmentWhole(items: AppointmentItems): boolean {
  return (
    items.appointment_id !== null &&
    items.mpan_core !== null &&
    items.service_type !== null &&
    items.mpid !== null &&
    items.metering_service_efd !== null &&
    items.reason !== null &&
    items.supplier_mpid !== null &&
    items.supplier_efd !== null
  );
}

// An item that stands in `invalid` was sent: ITEM_INVALID tells it, and telling it twice would send people looking twice.
function missing<Name extends string>(
  items: { readonly [name in Name]: unknown },
  names: readonly Name[],
  invalid: Readonly<Record<string, string>>,
): readonly Finding[] {
  return names
    .filter((name) => items[name] === null && !Object.hasOwn(invalid, name))
    .map((name) => ({ item: name, text: `${name} is missing: the column is NULL.` }));
}

function unreadable(subject: Subject, exempt: string | null): readonly Finding[] {
  return Object.keys(subject.invalid)
    .filter((name) => name !== exempt)
    .sort()
    .map((name) => ({
      item: name,
      text: `${name} holds ${quoted(subject.invalid[name] ?? '')}, which the flow can not carry.`,
    }));
}

function hasInvalid(subject: Subject): boolean {
  for (const _ in subject.invalid) return true;
  return false;
}

function isBlank(text: string | null): boolean {
  return text === null || text.trim() === '';
}

function isMetered(serviceType: string | null): boolean {
  return serviceType === 'MSS' || serviceType === 'MSA';
}

const itemMissing = defineRule({
  code: 'ITEM_MISSING',
  disposition: 'error',
  stage: 'form',
  items: [...new Set([...pointItems, ...appointmentItems])],
  sentence:
    'Every item is there, but for the optional ones: load shape category, line loss factor, the ETDs, supplier ETD, meter id, contract reference, opt out.',
  remedy: 'Fill in the named column of the row in the registration database; the update is judged again by itself.',
  support: 'Registration flows 1 and 2, content and data catalogue; which items are optional is an assumption.',
  on: {
    metering_point: (subject) =>
      isPointWhole(subject.items) ? nothing : missing(subject.items, pointItems, subject.invalid),
    appointment: (subject) =>
      isAppointmentWhole(subject.items) ? nothing : missing(subject.items, appointmentItems, subject.invalid),
  },
});

const itemInvalid = defineRule({
  code: 'ITEM_INVALID',
  disposition: 'error',
  stage: 'form',
  items: ['invalid'],
  sentence: 'Every value can be carried by the flow: no infinite date, no number that is not one.',
  remedy:
    'Replace the value in the registration database: a date of the calendar (an open end is NULL), a finite number.',
  support: 'Follows from the flows’ item types; an open end is an absent date, not an infinite one.',
  on: {
    metering_point: (subject) => (hasInvalid(subject) ? unreadable(subject, null) : nothing),
    appointment: (subject) =>
      hasInvalid(subject) ? unreadable(subject, subject.items.service_type === 'UMSO' ? 'meter_id' : null) : nothing,
  },
});

const contractMissing = defineRule({
  code: 'CONTRACT_MISSING',
  disposition: 'rejection',
  stage: 'form',
  items: ['contract_reference'],
  sentence: 'An appointment has a contract reference.',
  remedy:
    'Ask the supplier for the reference of its contract with the metering service, and put it on the appointment.',
  support:
    'Appointment interface, data catalogue: “A registration appointment cannot occur without a contract reference.”',
  on: {
    appointment: ({ items, invalid }) =>
      !isBlank(items.contract_reference) || Object.hasOwn(invalid, 'contract_reference')
        ? nothing
        : finding('contract_reference', 'contract_reference is missing: an appointment needs a contract.'),
  },
});

const meterIdMissing = defineRule({
  code: 'METER_ID_MISSING',
  disposition: 'rejection',
  stage: 'form',
  items: ['meter_id', 'service_type'],
  sentence: 'An appointment to a smart or advanced metering service names the meter.',
  remedy: 'Put the meter’s serial number on the appointment, or appoint the unmetered service (UMSO).',
  support: 'Appointment interface, data catalogue, item Meter ID; each of the three flows has its own items.',
  on: {
    appointment: ({ items, invalid }) =>
      !isBlank(items.meter_id) || !isMetered(items.service_type) || Object.hasOwn(invalid, 'meter_id')
        ? nothing
        : finding('meter_id', `meter_id is missing: an appointment of kind ${items.service_type} is of a meter.`),
  },
});

const meterIdUnmetered = defineRule({
  code: 'METER_ID_UNMETERED',
  disposition: 'error',
  stage: 'form',
  items: ['meter_id', 'service_type'],
  sentence: 'An appointment to the unmetered service names no meter.',
  remedy: 'Set meter_id to NULL, or appoint the smart or advanced service if there is a meter.',
  support: 'Appointment interface: the flow to the unmetered service has no meter id.',
  on: {
    appointment: ({ items, invalid }) => {
      if (items.service_type !== 'UMSO') return nothing;
      const meter = Object.hasOwn(invalid, 'meter_id') ? invalid.meter_id : items.meter_id;
      if (meter === null || meter === undefined) return nothing;
      return finding(
        'meter_id',
        `meter_id is ${quoted(meter)}, but service_type UMSO is for supplies without a meter.`,
      );
    },
  },
});

export const presenceRules: readonly Rule[] = [
  itemMissing,
  itemInvalid,
  contractMissing,
  meterIdMissing,
  meterIdUnmetered,
];
