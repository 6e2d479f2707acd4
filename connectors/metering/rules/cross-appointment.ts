import type { Rule } from './contract.ts';
import { isDay } from './days.ts';
import { defineRule, finding, nothing } from './define.ts';
import { isServiceType, serviceForSegment } from './services.ts';
import { isoDay, maskedMpan, quoted } from './wording.ts';

// None of these speaks of a delete: a cascade deletes the metering point first, and ending an appointment needs no Flow 1.

const pointUnknown = defineRule({
  code: 'METERING_POINT_UNKNOWN',
  disposition: 'hold',
  stage: 'cross',
  items: ['mpan_core'],
  sentence: 'Flow 1 knows the metering point that is appointed, and its record is accepted.',
  remedy:
    'Look for an open rejection or a hold of the metering point itself; the appointment is judged again when that is settled.',
  support: 'Registration flows: Flow 1 is the master data to which an appointment refers.',
  on: {
    appointment: ({ items, recordType }, { store }) => {
      if (recordType === 'delete' || store.point !== null || items.mpan_core === null) return nothing;
      return finding('mpan_core', `mpan_core ${maskedMpan(items.mpan_core)} is no accepted metering point of Flow 1.`);
    },
  },
});

function supplierSince(mpid: string | null, efd: number | null): string {
  if (mpid === null) return 'none';
  return `${quoted(mpid)} from ${efd === null ? 'an unknown day' : isoDay(efd)}`;
}

const supplierMismatch = defineRule({
  code: 'SUPPLIER_MISMATCH',
  disposition: 'hold',
  stage: 'cross',
  items: ['supplier_mpid', 'supplier_efd', 'metering_service_efd'],
  sentence: 'The supplier and its EFD are those of Flow 1 as of the service EFD.',
  remedy:
    'Wait for the change of supplier in Flow 1, which may be on its way; else correct the supplier or its EFD on one of the two.',
  support: 'Registration flows 1 and 2 both carry supplier MPID and supplier EFD.',
  on: {
    appointment: ({ items, recordType }, { store }) => {
      const { supplier_mpid: mpid, supplier_efd: efd, metering_service_efd: day } = items;
      if (recordType === 'delete' || store.point === null || !isDay(day)) return nothing;
      if (mpid === null || efd === null) return nothing;
      const known = store.pointOn(day);
      // Before Flow 1's first word about the supplier there is nothing to compare with: history is not refused.
      if (known === null || known.supplier_mpid === null) return nothing;
      if (known.supplier_mpid === mpid && known.supplier_efd === efd) return nothing;
      const flow1 = supplierSince(known.supplier_mpid, known.supplier_efd);
      return finding(
        'supplier_mpid',
        `The supplier on ${isoDay(day)} is ${supplierSince(mpid, efd)} here, and ${flow1} in Flow 1.`,
      );
    },
  },
});

const segmentTarget = defineRule({
  code: 'SEGMENT_TARGET',
  disposition: 'rejection',
  stage: 'cross',
  items: ['service_type', 'metering_service_efd'],
  sentence: 'The market segment of Flow 1 on the service EFD fits the kind of service: S to MSS, A to MSA, U to UMSO.',
  remedy: 'Appoint the kind of service that the segment asks for, or have the segment corrected in Flow 1 first.',
  support: 'Appointment interface: separate flows to the smart, advanced and unmetered services.',
  on: {
    appointment: ({ items, recordType }, { store }) => {
      const { service_type: kind, metering_service_efd: day } = items;
      if (recordType === 'delete' || store.point === null || !isServiceType(kind) || !isDay(day)) return nothing;
      const segment = store.pointOn(day)?.market_segment ?? null;
      const wanted = serviceForSegment(segment);
      if (segment === null || wanted === null || wanted === kind) return nothing;
      return finding(
        'service_type',
        `service_type is ${kind}, but the metering point is in segment ${segment} on ${isoDay(day)}, which asks for ${wanted}.`,
      );
    },
  },
});

export const appointmentCrossRules: readonly Rule[] = [pointUnknown, supplierMismatch, segmentTarget];
