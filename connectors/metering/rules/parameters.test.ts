import { describe, expect, it } from 'vitest';
import { defaultParameters, parametersSchema } from './parameters.ts';
import { nearestOf } from './suggestion.ts';
import { parseIsoDay } from './wording.ts';

function problems(input: unknown): readonly string[] {
  const result = parametersSchema.safeParse(input);
  return result.success ? [] : result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

describe('the parameters of the rules', () => {
  it('have the embedded defaults', () => {
    expect(defaultParameters).toEqual({
      registrationServices: { REGS: 'all' },
      services: { MSS: ['MSVA'], MSA: ['MSAA'], UMSO: ['UMSA'] },
      roles: { supplier: 'X', distributor: 'R', dataService: 'D', meteringService: 'M', map: 'Z' },
      contractReferenceMax: 10,
      meterIdMax: 10,
      efdDaysAheadMax: 28,
      holdWorkingDays: 10,
      lineLossFactorMin: 0.5,
      lineLossFactorMax: 2,
      contracts: null,
      disabled: [],
      dispositions: {},
    });
  });

  it('take contract dates as text and give days', () => {
    const { contracts } = parametersSchema.parse({ contracts: { SUPA: [{ reference: 'C-1', from: '2024-01-01' }] } });
    expect(contracts).toEqual({ SUPA: [{ reference: 'C-1', from: parseIsoDay('2024-01-01'), to: null }] });
  });

  it.each([
    [{ disabled: ['MPAN_CHEKDIGIT'] }, ['disabled.0: "MPAN_CHEKDIGIT" is no rule → did you mean MPAN_CHECK_DIGIT?']],
    [
      { disabled: ['APPOINTMENT_OVERLAP'] },
      [
        'disabled.0: APPOINTMENT_OVERLAP can not be switched off: the store holds one metering service a day and could not be written → take it out',
      ],
    ],
    [{ services: { MSS: ['msva'] } }, ['services.MSS.0: is not an MPID → write four of A–Z and 0–9, such as MSVA']],
    [
      { registrationServices: {} },
      [
        'registrationServices: names no registration service, so every record would be refused → name one, such as REGS: all',
      ],
    ],
    [
      { registrationServices: { REGS: ['100'] } },
      ['registrationServices.REGS.0: is not a distributor prefix → write two digits in quotes, such as "10"'],
    ],
    [
      { registrationServices: { REGS: 'some' } },
      [
        'registrationServices.REGS: is not a set of prefixes → write all, or a list of prefixes in quotes, such as ["10", "12"]',
      ],
    ],
    [{ efdDaysAheadMax: 1.5 }, ['efdDaysAheadMax: is not a whole number → round it']],
    [{ holdWorkingDays: -1 }, ['holdWorkingDays: is too small → write at least 0']],
    [
      { lineLossFactorMin: 3 },
      ['lineLossFactorMin: is above lineLossFactorMax, so every factor would be warned of → swap the two'],
    ],
    [
      { contracts: { SUPA: [{ reference: 'C', from: '2024-02-30' }] } },
      ['contracts.SUPA.0.from: "2024-02-30" is not a date → write one such as 2024-04-01'],
    ],
  ])('tell what is wrong with %j, and the fix', (input, expected) => {
    expect(problems(input)).toEqual(expected);
  });

  it('tell all problems at once', () => {
    expect(problems({ meterIdMax: 0, roles: { map: '' }, contractReferenceMax: 'ten' })).toHaveLength(3);
  });
});

describe('a suggestion', () => {
  it.each([
    ['mpan check digit', 'MPAN_CHECK_DIGIT'],
    ['GSP', null],
    ['OVERLAP', 'APPOINTMENT_OVERLAP'],
    ['xyzxyzxyzxyz', null],
  ])('for %s is %s', (word, expected) => {
    expect(nearestOf(word, ['MPAN_CHECK_DIGIT', 'APPOINTMENT_OVERLAP', 'GSP_GROUP_UNKNOWN'])).toBe(expected);
  });
});
