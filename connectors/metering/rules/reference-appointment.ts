import type { Rule } from './contract.ts';
import { covers, isDay } from './days.ts';
import { defineRule, finding, nothing } from './define.ts';
import { isOurs, isServiceType, serviceKinds } from './services.ts';
import { isoDay, quoted } from './wording.ts';

const notAddressee = defineRule({
  code: 'NOT_ADDRESSEE',
  disposition: 'rejection',
  stage: 'reference',
  items: ['mpid', 'service_type'],
  sentence: 'One of our metering services is appointed only as a kind of service that it plays.',
  remedy: 'Appoint the MPID that plays this kind of service, or correct the service type.',
  support: 'Appointment interface: one flow to each kind of metering service; who plays which is configuration.',
  on: {
    // Somebody else’s MPID is not judged here: known to reference data it is not ours at all, else PARTICIPANT_UNKNOWN.
    appointment: ({ items }, { parameters }) => {
      const { mpid, service_type: kind } = items;
      if (mpid === null || !isServiceType(kind) || parameters.services[kind].includes(mpid)) return nothing;
      if (!isOurs(mpid, parameters)) return nothing;
      const played = serviceKinds.filter((one) => parameters.services[one].includes(mpid)).join(', ');
      return finding('mpid', `mpid ${quoted(mpid)} is appointed as ${kind}, but plays only ${played}.`);
    },
  },
});

const contractUnknown = defineRule({
  code: 'CONTRACT_UNKNOWN',
  disposition: 'rejection',
  stage: 'reference',
  items: ['contract_reference', 'supplier_mpid', 'metering_service_efd'],
  sentence: 'Where a list of contracts is configured, the contract is the supplier’s and live on the service EFD.',
  remedy: 'Agree the contract with the supplier and add it to the list (contracts), or have the reference corrected.',
  support: 'Appointment interface, business context: supplier and metering service have agreed contractual terms.',
  on: {
    appointment: ({ items }, { parameters: { contracts } }) => {
      const { contract_reference: reference, supplier_mpid: supplier, metering_service_efd: day } = items;
      if (contracts === null || reference === null || supplier === null || !isDay(day)) return nothing;
      const known = (Object.hasOwn(contracts, supplier) ? contracts[supplier] : undefined) ?? nothing;
      const same = known.filter((contract) => contract.reference === reference);
      if (same.some(({ from, to }) => covers(from, to, day))) return nothing;
      const why = same.length === 0 ? `is not known for supplier ${quoted(supplier)}` : `is not live on ${isoDay(day)}`;
      return finding('contract_reference', `contract_reference ${quoted(reference)} ${why}.`);
    },
  },
});

export const appointmentReferenceRules: readonly Rule[] = [notAddressee, contractUnknown];
