import type { AppointmentItems, Circumstances, MeteringPointItems, ReferenceView, Rule } from './contract.ts';
import { isDay, latestEfd } from './days.ts';
import { defineRule, type Finding, nothing } from './define.ts';
import { isoDay, quoted } from './wording.ts';

/** Somebody named in a record: who, in which role, at which date. */
interface Claim {
  readonly item: string;
  readonly mpid: string | null;
  readonly role: string;
  readonly day: number | null;
}

function claimsOfPoint(items: MeteringPointItems, { parameters: { roles } }: Circumstances): readonly Claim[] {
  return [
    { item: 'distributor_mpid', mpid: items.distributor_mpid, role: roles.distributor, day: latestEfd(items) },
    { item: 'supplier_mpid', mpid: items.supplier_mpid, role: roles.supplier, day: items.supplier_efd },
    { item: 'data_service_mpid', mpid: items.data_service_mpid, role: roles.dataService, day: items.data_service_efd },
    {
      item: 'metering_service_mpid',
      mpid: items.metering_service_mpid,
      role: roles.meteringService,
      day: items.metering_service_efd,
    },
  ];
}

function claimsOfAppointment(items: AppointmentItems, { parameters: { roles } }: Circumstances): readonly Claim[] {
  const day = items.metering_service_efd;
  return [
    { item: 'mpid', mpid: items.mpid, role: roles.meteringService, day },
    { item: 'supplier_mpid', mpid: items.supplier_mpid, role: roles.supplier, day },
  ];
}

function isIn(reference: ReferenceView, mpid: string | null, role: string, day: number | null): boolean {
  return mpid !== null && isDay(day) && reference.holdsAt(mpid, role, day);
}

// Who holds the role at the date is known and active: the usual record is done after one look-up per participant.
function isPointActive(items: MeteringPointItems, { reference, parameters: { roles } }: Circumstances): boolean {
  return (
    isIn(reference, items.distributor_mpid, roles.distributor, latestEfd(items)) &&
    isIn(reference, items.supplier_mpid, roles.supplier, items.supplier_efd) &&
    isIn(reference, items.data_service_mpid, roles.dataService, items.data_service_efd) &&
    isIn(reference, items.metering_service_mpid, roles.meteringService, items.metering_service_efd)
  );
}

function isAppointmentActive(items: AppointmentItems, { reference, parameters: { roles } }: Circumstances): boolean {
  const day = items.metering_service_efd;
  return (
    isIn(reference, items.mpid, roles.meteringService, day) && isIn(reference, items.supplier_mpid, roles.supplier, day)
  );
}

function unknown(claims: readonly Claim[], reference: ReferenceView): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { item, mpid, role } of claims) {
    if (mpid === null || reference.everHeld(mpid, role)) continue;
    const version = reference.version === null ? 'there is none yet' : `version ${reference.version}`;
    findings.push({
      item,
      text: `${item} ${quoted(mpid)} is not known in role ${quoted(role)} to the reference data (${version}).`,
    });
  }
  return findings;
}

function inactive(claims: readonly Claim[], reference: ReferenceView): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { item, mpid, role, day } of claims) {
    if (mpid === null || !isDay(day) || reference.holdsAt(mpid, role, day) || !reference.everHeld(mpid, role)) continue;
    findings.push({ item, text: `${item} ${quoted(mpid)} does not hold role ${quoted(role)} on ${isoDay(day)}.` });
  }
  return findings;
}

const items = [
  'distributor_mpid',
  'supplier_mpid',
  'supplier_efd',
  'data_service_mpid',
  'data_service_efd',
  'metering_service_mpid',
  'metering_service_efd',
  'mpid',
];

const participantUnknown = defineRule({
  code: 'PARTICIPANT_UNKNOWN',
  disposition: 'hold',
  stage: 'reference',
  items,
  sentence: 'Each participant has held its role at some time, as far as reference data says.',
  remedy:
    'Nothing, if newer Market Domain Data will name the participant: the record is judged again when it comes. Else correct the MPID.',
  support: 'Market Domain Data is published about monthly and lags behind the business.',
  on: {
    metering_point: (subject, circumstances) =>
      isPointActive(subject.items, circumstances)
        ? nothing
        : unknown(claimsOfPoint(subject.items, circumstances), circumstances.reference),
    appointment: (subject, circumstances) =>
      isAppointmentActive(subject.items, circumstances)
        ? nothing
        : unknown(claimsOfAppointment(subject.items, circumstances), circumstances.reference),
  },
});

const participantRoleInactive = defineRule({
  code: 'PARTICIPANT_ROLE_INACTIVE',
  disposition: 'error',
  stage: 'reference',
  items,
  sentence:
    'A participant that reference data knows holds its role at the date: its own EFD, the latest of the three EFDs for the distributor, the EFD of an appointment.',
  remedy: 'Correct the MPID or its EFD; if the role was ended or begun by mistake, correct the reference data.',
  support: 'Market Domain Data: market participant roles with effective dates, both inclusive.',
  on: {
    metering_point: (subject, circumstances) =>
      isPointActive(subject.items, circumstances)
        ? nothing
        : inactive(claimsOfPoint(subject.items, circumstances), circumstances.reference),
    appointment: (subject, circumstances) =>
      isAppointmentActive(subject.items, circumstances)
        ? nothing
        : inactive(claimsOfAppointment(subject.items, circumstances), circumstances.reference),
  },
});

export const participantRules: readonly Rule[] = [participantUnknown, participantRoleInactive];
