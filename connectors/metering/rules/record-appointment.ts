import type { Rule } from './contract.ts';
import { isDay } from './days.ts';
import { defineRule, type Finding, finding, nothing } from './define.ts';
import { isoDay } from './wording.ts';

const beforeSupplier = defineRule({
  code: 'SERVICE_BEFORE_SUPPLIER',
  disposition: 'rejection',
  stage: 'record',
  items: ['metering_service_efd', 'supplier_efd'],
  sentence: 'The service does not begin before the supplier that appoints it.',
  remedy: 'Move the service EFD to the supplier EFD or later, or correct the supplier EFD.',
  support: 'Appointment interface: a supplier appoints a metering service, so it must supply by then.',
  on: {
    appointment: ({ items }) => {
      const { metering_service_efd: service, supplier_efd: supplier } = items;
      if (!isDay(service) || !isDay(supplier) || service >= supplier) return nothing;
      return finding(
        'metering_service_efd',
        `metering_service_efd ${isoDay(service)} lies before supplier_efd ${isoDay(supplier)}.`,
      );
    },
  },
});

function afterSupplier(item: string, day: number | null, end: number): readonly Finding[] {
  if (!isDay(day) || day <= end) return nothing;
  return finding(item, `${item} ${isoDay(day)} lies after supplier_etd ${isoDay(end)}.`);
}

const outsideSupplier = defineRule({
  code: 'SERVICE_OUTSIDE_SUPPLIER',
  disposition: 'rejection',
  stage: 'record',
  items: ['metering_service_efd', 'metering_service_etd', 'supplier_etd'],
  sentence: 'Where the supplier’s period has an end, the dates of the service lie within it.',
  remedy: 'Correct the service dates or the supplier ETD; what comes later is the next supplier’s to appoint.',
  support: 'Registration flow 2: both ETDs are the last inclusive day.',
  on: {
    appointment: ({ items }) => {
      const { supplier_etd: end } = items;
      if (!isDay(end)) return nothing;
      // The first of the two dates that lies outside says all; an open service end is no date to judge.
      const begin = afterSupplier('metering_service_efd', items.metering_service_efd, end);
      return begin.length > 0 ? begin : afterSupplier('metering_service_etd', items.metering_service_etd, end);
    },
  },
});

const changeOfSupplierLate = defineRule({
  code: 'COS_AFTER_SUPPLY_START',
  disposition: 'rejection',
  stage: 'record',
  items: ['reason', 'supplier_efd'],
  aboutToday: true,
  sentence: 'An appointment for a change of supplier (COS) comes on or before the supplier EFD.',
  remedy: 'Send it again as a change of service provider (CSP).',
  support: 'Published interface samples and their notes on reason codes.',
  on: {
    appointment: ({ items }, { today }) => {
      const { reason, supplier_efd: supplier } = items;
      if (reason !== 'COS' || !isDay(supplier) || today <= supplier) return nothing;
      return finding(
        'reason',
        `reason COS came on ${isoDay(today)}, after supplier_efd ${isoDay(supplier)}: send it again as CSP.`,
      );
    },
  },
});

const tooFar = defineRule({
  code: 'EFD_TOO_FAR',
  disposition: 'rejection',
  stage: 'record',
  items: ['metering_service_efd'],
  aboutToday: true,
  sentence:
    'The service begins at most 28 days after the day on which the appointment comes (parameter efdDaysAheadMax).',
  remedy: 'Send the appointment again nearer to its EFD, or correct the EFD.',
  support: 'Assumption after the settlement reform’s rules for appointments ahead of time.',
  on: {
    appointment: ({ items }, { today, parameters: { efdDaysAheadMax: max } }) => {
      const { metering_service_efd: day } = items;
      if (!isDay(day) || day - today <= max) return nothing;
      return finding(
        'metering_service_efd',
        `metering_service_efd ${isoDay(day)} is ${day - today} days after ${isoDay(today)}; at most ${max} are allowed.`,
      );
    },
  },
});

export const appointmentRecordRules: readonly Rule[] = [beforeSupplier, outsideSupplier, changeOfSupplierLate, tooFar];
