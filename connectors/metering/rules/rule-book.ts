import type { Rule } from './contract.ts';
import { appointmentCrossRules } from './cross-appointment.ts';
import { pointCrossRules } from './cross-point.ts';
import { appointmentFormRules } from './form-appointment.ts';
import { assetFormRules } from './form-asset.ts';
import { codeRules } from './form-codes.ts';
import { lineLossRules } from './form-line-loss.ts';
import { mpanRules } from './form-mpan.ts';
import { participantFormRules } from './form-participant.ts';
import { presenceRules } from './form-presence.ts';
import { appointmentRecordRules } from './record-appointment.ts';
import { assetRecordRules } from './record-asset.ts';
import { pointRecordRules } from './record-point.ts';
import { appointmentReferenceRules } from './reference-appointment.ts';
import { assetReferenceRules } from './reference-asset.ts';
import { distributorRules } from './reference-distributor.ts';
import { participantRules } from './reference-participant.ts';
import { appointmentStoreRules } from './store-appointment.ts';

/** Every rule, in the order of the stages; within a stage in the order in which broken rules are told. */
export const ruleBook: readonly Rule[] = [
  ...presenceRules,
  ...mpanRules,
  ...participantFormRules,
  ...codeRules,
  ...lineLossRules,
  ...appointmentFormRules,
  ...assetFormRules,

  ...distributorRules,
  ...participantRules,
  ...appointmentReferenceRules,
  ...assetReferenceRules,

  ...pointRecordRules,
  ...appointmentRecordRules,
  ...assetRecordRules,

  ...appointmentStoreRules,

  ...appointmentCrossRules,
  ...pointCrossRules,
];

const byCode: ReadonlyMap<string, Rule> = new Map(ruleBook.map((rule) => [rule.code, rule]));

/** The rule of a code, or null. */
export function ruleOf(code: string): Rule | null {
  return byCode.get(code) ?? null;
}
