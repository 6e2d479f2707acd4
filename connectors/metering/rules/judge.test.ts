import { describe, expect, it } from 'vitest';
import type { AppointmentItems, Circumstances, RuleParameters, Subject } from './contract.ts';
import {
  acceptedAppointment,
  day,
  exampleReference,
  exampleToday,
  goodAppointment,
  goodPoint,
} from './example-world.ts';
import { codesOf, judge } from './judge.ts';
import { defaultParameters } from './parameters.ts';

const reference = exampleReference();

function circumstances(
  change: Partial<Circumstances['store']> = {},
  parameters: Partial<RuleParameters> = {},
): Circumstances {
  return {
    reference,
    parameters: { ...defaultParameters, ...parameters },
    today: exampleToday,
    store: { appointments: [], lastEventOpen: false, point: goodPoint, pointOn: () => goodPoint, ...change },
  };
}

function appointed(
  change: Partial<AppointmentItems>,
  rest: Partial<Subject<'appointment'>> = {},
): Subject<'appointment'> {
  return {
    entity: 'appointment',
    recordType: 'create',
    items: { ...goodAppointment, ...change },
    invalid: {},
    senderId: 'REGS',
    previous: null,
    ...rest,
  };
}

describe('an appointment of another metering service', () => {
  it('is not ours before any rule, however bad the record is', () => {
    const verdict = judge(
      appointed({ mpid: 'MSVZ', mpan_core: 'x', reason: null, contract_reference: null }),
      circumstances(),
    );
    expect(verdict.kind).toBe('not-ours');
    expect(verdict.broken).toEqual([]);
  });

  it('is not ours when it is deleted', () => {
    expect(judge(appointed({ mpid: 'MSVZ' }, { recordType: 'delete' }), circumstances()).kind).toBe('not-ours');
  });

  it('is held while reference data does not know it in that role', () => {
    const verdict = judge(appointed({ mpid: 'SUP1' }), circumstances());
    expect([verdict.kind, codesOf(verdict.broken)]).toEqual(['hold', ['PARTICIPANT_UNKNOWN']]);
  });
});

describe('the stages', () => {
  it('stop at the first that fails, and tell all that is broken in it', () => {
    const verdict = judge(
      appointed({ mpan_core: '1315001165123', reason: 'XXX', supplier_mpid: 'NONE' }),
      circumstances({ point: null }),
    );
    expect([verdict.stage, codesOf(verdict.broken)]).toEqual(['form', ['MPAN_CHECK_DIGIT', 'REASON_UNKNOWN']]);
  });

  it('let an error beat a rejection, and tell both', () => {
    const verdict = judge(appointed({ contract_reference: null, reason: 'XXX' }), circumstances());
    expect([verdict.kind, codesOf(verdict.broken)]).toEqual(['error', ['CONTRACT_MISSING', 'REASON_UNKNOWN']]);
  });

  it('let a rejection beat a hold', () => {
    const verdict = judge(appointed({ mpid: 'MSAA', supplier_mpid: 'SUPZ' }), circumstances());
    expect([verdict.kind, codesOf(verdict.broken)]).toEqual(['rejection', ['PARTICIPANT_UNKNOWN', 'NOT_ADDRESSEE']]);
  });

  it('let an error beat a hold', () => {
    const verdict = judge(appointed({ mpid: 'MSVX', supplier_mpid: 'OLDS' }), circumstances());
    expect([verdict.kind, codesOf(verdict.broken)]).toEqual([
      'error',
      ['PARTICIPANT_UNKNOWN', 'PARTICIPANT_ROLE_INACTIVE'],
    ]);
  });

  it('keep the warnings of the stages that were run before the failing one', () => {
    const verdict = judge(
      appointed({ supplier_mpid: 'SUP1', metering_service_efd: day('2024-03-31') }),
      circumstances(),
    );
    expect([codesOf(verdict.broken), codesOf(verdict.warnings)]).toEqual([
      ['SERVICE_BEFORE_SUPPLIER'],
      ['MPID_DIGITS'],
    ]);
  });
});

describe('a rule that is switched off', () => {
  it('is not told, and what comes after it is judged', () => {
    const verdict = judge(
      appointed({ reason: 'XXX' }),
      circumstances({ point: null }, { disabled: ['REASON_UNKNOWN'] }),
    );
    expect(codesOf(verdict.broken)).toEqual(['METERING_POINT_UNKNOWN']);
  });
});

describe('a rule whose date is absent', () => {
  it('is silent, and the rule about the absence speaks', () => {
    const verdict = judge(appointed({ metering_service_efd: null, mpan_core: '0000000000000' }), circumstances());
    expect(codesOf(verdict.broken)).toEqual(['ITEM_MISSING']);
  });

  it('is silent even when the absence is allowed by configuration', () => {
    const parameters = { disabled: ['ITEM_MISSING'] };
    expect(
      judge(appointed({ metering_service_efd: null, mpan_core: '0000000000000' }), circumstances({}, parameters)).kind,
    ).toBe('accept');
  });
});

describe('rules about today', () => {
  const late = { ...circumstances(), today: day('2024-04-20') };
  const update = (previous: Partial<AppointmentItems> | null): Subject<'appointment'> =>
    appointed({}, { recordType: 'update', previous: previous === null ? null : { ...goodAppointment, ...previous } });

  it.each([
    ['a create', appointed({}), true],
    ['a read', appointed({}, { recordType: 'read' }), false],
    ['an update of something else', update({ meter_id: 'OLD' }), false],
    ['an update of the ETD', update({ metering_service_etd: day('2025-01-01') }), false],
    ['an update of the service EFD', update({ metering_service_efd: day('2024-05-01') }), true],
    ['an update of the supplier EFD', update({ supplier_efd: day('2024-03-01') }), true],
    ['an update of the reason', update({ reason: 'NEW' }), true],
    ['an update of what was never received', update(null), true],
  ])('judge %s: %#', (_, subject, isJudged) => {
    expect(codesOf(judge(subject, late).broken)).toEqual(isJudged ? ['COS_AFTER_SUPPLY_START'] : []);
  });
});

describe('a cascade', () => {
  it('that deleted the metering point before its appointment is no error', () => {
    const own = acceptedAppointment(7, '2024-04-01', null);
    const verdict = judge(
      appointed({}, { recordType: 'delete' }),
      circumstances({ point: null, pointOn: () => null, appointments: [own] }),
    );
    expect(verdict.kind).toBe('accept');
  });
});

describe('a record without one of its items', () => {
  const optional = [
    'load_shape_category',
    'line_loss_factor',
    'opt_out',
    'metering_service_etd',
    'supplier_etd',
    'meter_id',
    'contract_reference',
  ];
  const missingItems = (subject: Subject): readonly (string | null)[] =>
    judge(subject, circumstances())
      .broken.filter(({ code }) => code === 'ITEM_MISSING')
      .map(({ item }) => item);

  it.each(Object.keys(goodPoint))('of Flow 1 is told of %s, unless it is optional', (name) => {
    const items = { ...goodPoint, [name]: null };
    const subject: Subject = {
      entity: 'metering_point',
      recordType: 'create',
      items,
      invalid: {},
      senderId: 'REGS',
      previous: null,
    };
    expect(missingItems(subject)).toEqual(optional.includes(name) ? [] : [name]);
  });

  it.each(Object.keys(goodAppointment))('of Flow 2 is told of %s, unless it is optional', (name) => {
    expect(missingItems(appointed({ [name]: null }))).toEqual(optional.includes(name) ? [] : [name]);
  });
});

describe('a length', () => {
  it('counts characters, not UTF-16 units', () => {
    expect(judge(appointed({ contract_reference: '⚡'.repeat(10) }), circumstances()).kind).toBe('accept');
    expect(judge(appointed({ contract_reference: '😀'.repeat(10) }), circumstances()).kind).toBe('accept');
    expect(codesOf(judge(appointed({ contract_reference: '😀'.repeat(11) }), circumstances()).broken)).toEqual([
      'CONTRACT_FORMAT',
    ]);
  });
});
