import { z } from 'zod';
import type { RuleParameters } from './contract.ts';
import { dispositionsSchema, problemOfDisabling } from './dispositions.ts';
import { parseIsoDay, quoted } from './wording.ts';

const mpid = z.string().regex(/^[A-Z0-9]{4}$/, 'is not an MPID → write four of A–Z and 0–9, such as MSVA');

const roleCode = z
  .string()
  .regex(/^\S{1,5}$/, 'is not a role code → write 1 to 5 characters, as the participant table has them');

const senderId = z.string().min(1, 'is not a sender id → write the name that stands in senderId, such as REGS');

const prefixes = z.union(
  [
    z.literal('all'),
    z.array(z.string().regex(/^[0-9]{2}$/, 'is not a distributor prefix → write two digits in quotes, such as "10"')),
  ],
  { error: 'is not a set of prefixes → write all, or a list of prefixes in quotes, such as ["10", "12"]' },
);

const wholeNumber = (min: number, max: number, what: string): z.ZodNumber =>
  z
    .number('is not a number → write a whole number')
    .int('is not a whole number → round it')
    .min(min, `is too small → write at least ${min}`)
    .max(max, `is too large → write at most ${max}`)
    .describe(what);

const factor = z
  .number('is not a number → write a factor such as 0.5 or 2.0')
  .positive('is not above 0 → write a factor such as 0.5 or 2.0')
  .max(1000, 'is too large → write a factor such as 0.5 or 2.0');

const day = z.string('is not a date → write one such as 2024-04-01').transform((text, refinement) => {
  try {
    return parseIsoDay(text);
  } catch {
    refinement.addIssue({ code: 'custom', message: `${quoted(text)} is not a date → write one such as 2024-04-01` });
    return z.NEVER;
  }
});

const contract = z
  .strictObject({
    reference: z.string().min(1, 'is empty → write the reference as it stands on the appointments'),
    from: day,
    to: day.nullable().default(null),
  })
  .refine(({ from, to }) => to === null || to >= from, {
    path: ['to'],
    error: 'ends before it begins → correct one of the two dates (both are inclusive), or leave `to` out',
  });

const ruleCode = z.string().superRefine((code, refinement) => {
  const problem = problemOfDisabling(code);
  if (problem !== null) refinement.addIssue({ code: 'custom', message: problem });
});

/** What configuration says about judging, with the embedded defaults. Dates are ISO in the file, day numbers after it. */
export const parametersSchema = z
  .strictObject({
    registrationServices: z
      .record(senderId, prefixes)
      .refine((services) => Object.keys(services).length > 0, {
        error: 'names no registration service, so every record would be refused → name one, such as REGS: all',
      })
      .default({ REGS: 'all' })
      .describe('Which registration service (sender id) owns which distributor prefixes.'),
    services: z
      .strictObject({
        MSS: z.array(mpid).default(['MSVA']).describe('as smart metering service'),
        MSA: z.array(mpid).default(['MSAA']).describe('as advanced metering service'),
        UMSO: z.array(mpid).default(['UMSA']).describe('as unmetered supplies operator'),
      })
      .prefault({})
      .describe('The MPIDs that this metering side plays, by kind of service.'),
    roles: z
      .strictObject({
        supplier: roleCode.default('X').describe('the role of a supplier'),
        distributor: roleCode.default('R').describe('the role of a distributor'),
        dataService: roleCode.default('D').describe('the role of a data service'),
        meteringService: roleCode.default('M').describe('the role of a metering service'),
        map: roleCode.default('Z').describe('the role of a meter asset provider (MAP)'),
      })
      .prefault({})
      .describe('Role codes of the participant table.'),
    contractReferenceMax: wholeNumber(1, 1000, 'The longest contract reference, in characters.').default(10),
    meterIdMax: wholeNumber(1, 1000, 'The longest meter id, in characters.').default(10),
    efdDaysAheadMax: wholeNumber(0, 3660, 'How many days ahead of its EFD an appointment may come at most.').default(
      28,
    ),
    holdWorkingDays: wholeNumber(
      0,
      250,
      'How many working days a hold lasts, by source time; then it becomes an error.',
    ).default(10),
    lineLossFactorMin: factor.default(0.5).describe('A line loss factor below it is warned of.'),
    lineLossFactorMax: factor.default(2.0).describe('A line loss factor above it is warned of.'),
    contracts: z
      .record(mpid, z.array(contract))
      .nullable()
      .default(null)
      .describe(
        'Contracts by supplier MPID: for each its `reference`, `from` and `to` (ISO dates, both inclusive; `to` may be left out). Without a list CONTRACT_UNKNOWN is off.',
      ),
    disabled: z.array(ruleCode).default([]).describe('Codes of rules that are switched off.'),
    dispositions: dispositionsSchema
      .default({})
      .describe(
        'What the breach of a rule means, where it is to be other than the rule book says (`concord rules list`): error, rejection, hold or warn, by code.',
      ),
  })
  .superRefine(({ disabled, dispositions }, refinement) => {
    for (const code of disabled.filter((one) => one in dispositions)) {
      refinement.addIssue({
        code: 'custom',
        path: ['dispositions', code],
        message: `${code} is in \`disabled\`, too → take it out of one of the two`,
      });
    }
  })
  .refine((parameters) => parameters.lineLossFactorMin <= parameters.lineLossFactorMax, {
    path: ['lineLossFactorMin'],
    error: 'is above lineLossFactorMax, so every factor would be warned of → swap the two',
  });

/** The embedded defaults. */
export const defaultParameters: RuleParameters = parametersSchema.parse({});
