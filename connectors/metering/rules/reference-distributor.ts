import type { Circumstances, MeteringPointItems, Rule } from './contract.ts';
import { isDay, latestEfd } from './days.ts';
import { defineRule, type Finding, finding, nothing } from './define.ts';
import { prefixOf } from './mpan.ts';
import { isoDay, quoted } from './wording.ts';

// MPAN_PREFIX is the rule about an absent distributor: while it speaks, the rules that need one have nothing to say.

function ofActivePrefix(mpan: string | null, day: number | null, { reference }: Circumstances): readonly Finding[] {
  if (mpan === null || !isDay(day)) return nothing;
  const prefix = prefixOf(mpan);
  if (reference.prefixOwnerAt(prefix, day) !== null) return nothing;
  return finding(
    'mpan_core',
    `mpan_core begins with ${quoted(prefix)}, which is no distributor’s prefix on ${isoDay(day)}.`,
  );
}

function ofSendersPrefix(mpan: string | null, sender: string, { parameters }: Circumstances): readonly Finding[] {
  if (mpan === null) return nothing;
  const services = parameters.registrationServices;
  const owned = Object.hasOwn(services, sender) ? services[sender] : undefined;
  if (owned === 'all') return nothing;
  const prefix = prefixOf(mpan);
  if (owned?.includes(prefix) === true) return nothing;
  const why = owned === undefined ? 'which is not a configured registration service' : 'which does not own this prefix';
  return finding('mpan_core', `mpan_core begins with ${quoted(prefix)}, and the sender is ${quoted(sender)}, ${why}.`);
}

function groupOfPrefix(items: MeteringPointItems, { reference }: Circumstances): readonly Finding[] {
  const day = latestEfd(items);
  const { mpan_core: mpan, gsp_group: group } = items;
  if (mpan === null || group === null || day === null) return nothing;
  const prefix = prefixOf(mpan);
  if (reference.groupValidAt(prefix, group, day) || reference.prefixOwnerAt(prefix, day) === null) return nothing;
  return finding(
    'gsp_group',
    `gsp_group ${quoted(group)} is not one in which the distributor of prefix ${quoted(prefix)} works on ${isoDay(day)}.`,
  );
}

function distributorOfPrefix(items: MeteringPointItems, { reference }: Circumstances): readonly Finding[] {
  const day = latestEfd(items);
  const { mpan_core: mpan, distributor_mpid: distributor } = items;
  if (mpan === null || distributor === null || day === null) return nothing;
  const prefix = prefixOf(mpan);
  const owner = reference.prefixOwnerAt(prefix, day);
  if (owner === null || owner === distributor) return nothing;
  return finding(
    'distributor_mpid',
    `distributor_mpid is ${quoted(distributor)}, but prefix ${quoted(prefix)} is ${quoted(owner)}’s on ${isoDay(day)}.`,
  );
}

const mpanPrefix = defineRule({
  code: 'MPAN_PREFIX',
  disposition: 'error',
  stage: 'reference',
  items: ['mpan_core', 'supplier_efd', 'data_service_efd', 'metering_service_efd'],
  sentence:
    'The first two digits of the MPAN core are a distributor’s prefix, active at the date: the latest of the three EFDs, or the EFD of the appointment.',
  remedy:
    'Correct the MPAN core; if the prefix is new, load the reference data that has it (distributor_gsp_group) and send the row again.',
  support: 'Market Domain Data, distributors and GSP groups; 0000000000000 passes the check digit, so this is needed.',
  on: {
    metering_point: ({ items }, circumstances) => ofActivePrefix(items.mpan_core, latestEfd(items), circumstances),
    appointment: ({ items }, circumstances) =>
      ofActivePrefix(items.mpan_core, items.metering_service_efd, circumstances),
  },
});

const wrongRegistrationService = defineRule({
  code: 'WRONG_REGISTRATION_SERVICE',
  disposition: 'error',
  stage: 'reference',
  items: ['mpan_core', 'senderId'],
  sentence: 'The prefix of the MPAN core belongs to the registration service that sends.',
  remedy:
    'The row belongs into another registration service’s database, or registrationServices is configured wrongly.',
  support: 'Registration flows, conceptual model: every meter is owned by only one registration service.',
  on: {
    metering_point: ({ items, senderId }, circumstances) => ofSendersPrefix(items.mpan_core, senderId, circumstances),
    appointment: ({ items, senderId }, circumstances) => ofSendersPrefix(items.mpan_core, senderId, circumstances),
  },
});

const gspGroupDistributor = defineRule({
  code: 'GSP_GROUP_DISTRIBUTOR',
  disposition: 'error',
  stage: 'reference',
  items: ['mpan_core', 'gsp_group', 'supplier_efd', 'data_service_efd', 'metering_service_efd'],
  sentence: 'The distributor of the prefix works in the GSP group at the latest of the three EFDs.',
  remedy: 'Correct the GSP group: the prefix alone does not give it, the grid supply point does.',
  support: 'Market Domain Data, GSP group distributor: pairs of prefix and group with dates.',
  on: { metering_point: ({ items }, circumstances) => groupOfPrefix(items, circumstances) },
});

const distributorMismatch = defineRule({
  code: 'DISTRIBUTOR_MISMATCH',
  disposition: 'error',
  stage: 'reference',
  items: ['mpan_core', 'distributor_mpid', 'supplier_efd', 'data_service_efd', 'metering_service_efd'],
  sentence: 'The distributor of the record owns the prefix of its MPAN core at the latest of the three EFDs.',
  remedy: 'Correct the distributor’s MPID, or the MPAN core.',
  support: 'Market Domain Data, distributor prefixes.',
  on: { metering_point: ({ items }, circumstances) => distributorOfPrefix(items, circumstances) },
});

export const distributorRules: readonly Rule[] = [
  mpanPrefix,
  wrongRegistrationService,
  gspGroupDistributor,
  distributorMismatch,
];
