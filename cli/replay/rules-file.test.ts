import { expect, test } from 'vitest';
import { exampleReference, exampleToday, goodPoint } from '../../connectors/metering/rules/example-world.ts';
import { judge } from '../../connectors/metering/rules/judge.ts';
import { defaultParameters } from '../../connectors/metering/rules/parameters.ts';
import { rulesWith } from './rules-file.ts';

const live = {
  ...defaultParameters,
  contractReferenceMax: 12,
  lineLossFactorMin: 0.9,
  roles: { ...defaultParameters.roles, supplier: 'S' },
  disabled: ['REASON_UNKNOWN'],
  dispositions: { ITEM_MISSING: 'warn' as const },
};

test('what the file does not say stays as it is live, within groups, too', () => {
  expect(rulesWith(live, 'roles: {map: Q}')).toEqual({ ...live, roles: { ...live.roles, map: 'Q' } });
  expect(rulesWith(live, 'dispositions: {MPAN_PREFIX: hold}').dispositions).toEqual({
    ITEM_MISSING: 'warn',
    MPAN_PREFIX: 'hold',
  });
});

test('what the file says of a rule counts, whatever is said of it live', () => {
  expect(rulesWith(live, 'disabled: [ITEM_MISSING]')).toMatchObject({ disabled: ['ITEM_MISSING'], dispositions: {} });
  expect(rulesWith(live, 'dispositions: {REASON_UNKNOWN: error}')).toMatchObject({
    disabled: [],
    dispositions: { ITEM_MISSING: 'warn', REASON_UNKNOWN: 'error' },
  });
});

test('every problem is told at once, with what was probably meant', () => {
  const told = (text: string): string => {
    try {
      rulesWith(live, text);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  expect(
    told(`
contractReferenceMaximum: 3
roles: {suplier: X}
meterIdMax: many
disabled: [MPAN_CHEKDIGIT]
dispositions:
  MPAN_CHEK_DIGIT: warn
  ITEM_MISSING: reject
  MPAN_PREFIX: off
  REASON_UNKNOWN: hold
  GSP_GROUP_UNKNOWN: rejection
`).split('\n'),
  ).toMatchInlineSnapshot(`
    [
      "The rules can not be used:",
      "  roles.suplier: there is no such parameter → did you mean supplier?",
      "  meterIdMax: is not a number → write a whole number",
      "  disabled.0: "MPAN_CHEKDIGIT" is no rule → did you mean MPAN_CHECK_DIGIT?",
      "  dispositions.ITEM_MISSING: "reject" is no disposition → did you mean rejection?",
      "  dispositions.MPAN_CHEK_DIGIT: "MPAN_CHEK_DIGIT" is no rule → did you mean MPAN_CHECK_DIGIT?",
      "  dispositions.MPAN_PREFIX: "off" is no disposition → to switch a rule off, name it in \`disabled\`",
      "  dispositions.REASON_UNKNOWN: nothing that comes later could end such a hold → write error or warn; rules that wait for reference data or for the metering point can be held",
      "  dispositions.GSP_GROUP_UNKNOWN: only an appointment can be refused with a rejection, and this rule is about other records, too → write error or warn",
      "  contractReferenceMaximum: there is no such parameter → did you mean contractReferenceMax?",
    ]
  `);
  expect(told('disabled: [MPAN_PREFIX]\ndispositions: {MPAN_PREFIX: warn}')).toContain('is in `disabled`, too');
  // Against what is live, and not against the defaults.
  expect(told('lineLossFactorMax: 0.8')).toContain('is above lineLossFactorMax');
  expect(told('metering: {rules: {meterIdMax: 3}}')).toContain('below `metering.rules`');
  expect(told('')).toContain('say nothing');
});

test('a disposition of the file is what a breach comes to', () => {
  const subject = {
    entity: 'metering_point',
    recordType: 'create',
    items: { ...goodPoint, market_segment: 'Z' },
    invalid: {},
    senderId: 'REGS',
    previous: null,
  } as const;
  const store = { appointments: [], lastEventOpen: false, point: goodPoint, pointOn: () => goodPoint };
  const verdictBy = (text: string): unknown => {
    const parameters = rulesWith(defaultParameters, text);
    const {
      kind,
      broken: by,
      warnings,
    } = judge(subject, {
      reference: exampleReference(),
      today: exampleToday,
      store,
      parameters,
    });
    return { kind, by: by.map(({ code }) => code), warned: warnings.map(({ code }) => code) };
  };
  expect(verdictBy('meterIdMax: 10')).toMatchInlineSnapshot(`
    {
      "by": [
        "SEGMENT_UNKNOWN",
      ],
      "kind": "error",
      "warned": [],
    }
  `);
  expect(verdictBy('dispositions: {SEGMENT_UNKNOWN: warn}')).toMatchInlineSnapshot(`
    {
      "by": [
        "LOAD_SHAPE_INCONSISTENT",
      ],
      "kind": "error",
      "warned": [
        "SEGMENT_UNKNOWN",
      ],
    }
  `);
});
