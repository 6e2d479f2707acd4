import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  AppointmentItems,
  Circumstances,
  Entity,
  ItemsOf,
  MeterAssetItems,
  MeteringPointItems,
  Subject,
} from './contract.ts';
import {
  acceptedAppointment,
  exampleReference,
  exampleToday,
  goodAppointment,
  goodAsset,
  goodPoint,
} from './example-world.ts';
import { examples } from './examples.ts';
import { judge } from './judge.ts';
import { defaultParameters } from './parameters.ts';
import { ReferenceData } from './reference-data.ts';
import { ruleOf } from './rule-book.ts';

const words = fc.constantFrom(
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  'MSS',
  'UMSO',
  'S',
  'COS',
  'MSVA',
  'MSVZ',
  '1312345678907',
);
const text = fc.option(
  fc.oneof(words, fc.string({ unit: 'binary', maxLength: 60 }), fc.stringMatching(/^[0-9]{10,30}$/)),
  { nil: null },
);
const days = fc.oneof(
  fc.integer({ min: 15_000, max: 25_000 }),
  fc.constantFrom(
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    Number.POSITIVE_INFINITY,
    Number.NaN,
    0.5,
    -0,
    1e308,
  ),
);
const day = fc.option(days, { nil: null });
const flag = fc.option(fc.boolean(), { nil: null });

// Each item is garbage, or what it is in a good record: pure garbage would never get beyond form.
function spoiled<Items extends object>(good: Items): fc.Arbitrary<Items> {
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [name, value] of Object.entries(good)) {
    const isDate = /_(?:efd|etd|on)$/.test(name) || name === 'line_loss_factor';
    const garbage = isDate ? day : typeof value === 'boolean' ? flag : name === 'appointment_id' ? days : text;
    model[name] = fc.oneof({ weight: 6, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: garbage });
  }
  // The arbitraries above are made name by name, of the same shape as the good record.
  return fc.record(model) as unknown as fc.Arbitrary<Items>;
}

const invalid = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.dictionary(
      fc.constantFrom('meter_id', 'supplier_efd', '__proto__', 'constructor'),
      fc.string({ unit: 'binary' }),
      { maxKeys: 3 },
    ),
  },
);

function subjects<E extends Entity>(entity: E, good: ItemsOf[E]): fc.Arbitrary<Subject<E>> {
  return fc.record({
    entity: fc.constant(entity),
    recordType: fc.constantFrom('create', 'update', 'delete', 'read'),
    items: spoiled(good),
    invalid,
    senderId: fc.oneof(fc.constant('REGS'), words),
    previous: fc.option(spoiled(good), { nil: null }),
  });
}

const subject: fc.Arbitrary<Subject> = fc.oneof(
  subjects('metering_point', goodPoint),
  subjects('appointment', goodAppointment),
  subjects('meter_asset', goodAsset),
);

const full = exampleReference();
const circumstances: fc.Arbitrary<Circumstances> = fc
  .record({
    appointments: fc.array(spoiled<AppointmentItems>(goodAppointment), { maxLength: 3 }),
    lastEventOpen: fc.boolean(),
    point: fc.option(spoiled<MeteringPointItems>(goodPoint), { nil: null }),
    today: fc.integer({ min: 19_000, max: 21_000 }),
    isEmpty: fc.boolean(),
    contracts: fc.constantFrom(null, { SUPA: [{ reference: 'C-2024-001', from: 19_000, to: null }] }),
    disabled: fc.subarray([
      'ITEM_MISSING',
      'ITEM_INVALID',
      'MPAN_FORMAT',
      'MPID_FORMAT',
      'MPAN_PREFIX',
      'PARTICIPANT_UNKNOWN',
    ]),
  })
  .map(({ appointments, lastEventOpen, point, today, isEmpty, contracts, disabled }) => ({
    reference: isEmpty ? new ReferenceData() : full,
    parameters: { ...defaultParameters, contracts, disabled },
    today,
    store: {
      appointments: appointments.map((items) => ({ appointmentId: items.appointment_id, items })),
      lastEventOpen,
      point,
      pointOn: () => point,
    },
  }));

// Thousands of records, on a machine that may do much else.
describe('the judge', { timeout: 120_000 }, () => {
  it('never throws, tells only codes of the failing stage, and shows no MPAN, whatever the record holds', () => {
    fc.assert(
      fc.property(subject, circumstances, (record, about) => {
        const verdict = judge(record, about);
        for (const { code, text: told } of verdict.broken) {
          expect(ruleOf(code)?.stage).toBe(verdict.stage);
          expect(ruleOf(code)?.entities).toContain(record.entity);
          expect(about.parameters.disabled).not.toContain(code);
          expect(told).not.toMatch(/(?<!\d)\d{13}(?!\d)/);
          expect(told).not.toMatch(/[\p{Cc}\p{Cs}]/u);
          expect(told.length).toBeLessThan(600);
        }
        for (const { code } of verdict.warnings) expect(ruleOf(code)?.disposition).toBe('warn');
        expect(verdict.kind === 'accept' || verdict.kind === 'not-ours').toBe(verdict.broken.length === 0);
      }),
      { numRuns: 3_000 },
    );
  });

  it('tells the disposition of the heaviest broken rule', () => {
    const order = ['accept', 'hold', 'rejection', 'error'];
    fc.assert(
      fc.property(subject, circumstances, (record, about) => {
        const verdict = judge(record, about);
        if (verdict.kind === 'not-ours') return;
        const heaviest = Math.max(
          0,
          ...verdict.broken.map(({ code }) => order.indexOf(ruleOf(code)?.disposition ?? '')),
        );
        expect(verdict.kind).toBe(order[heaviest]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('tells nothing but the store and cross rules of a delete', () => {
    fc.assert(
      fc.property(subject, circumstances, (record, about) => {
        const verdict = judge({ ...record, recordType: 'delete' }, about);
        for (const { code } of [...verdict.broken, ...verdict.warnings]) {
          expect(['store', 'cross']).toContain(ruleOf(code)?.stage);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('decides a read whatever today is', () => {
    fc.assert(
      fc.property(subject, circumstances, fc.integer({ min: 0, max: 40_000 }), (record, about, today) => {
        const read = { ...record, recordType: 'read' as const };
        expect(judge(read, { ...about, today })).toEqual(judge(read, about));
      }),
      { numRuns: 1_000 },
    );
  });

  it('decides the same whatever the order of the store’s appointments, of the items and of the invalid ones', () => {
    const turned = <Items extends object>(items: Items): Items =>
      // The same entries in another order are of the same type.
      Object.fromEntries(Object.entries(items).reverse()) as Items;
    fc.assert(
      fc.property(subject, circumstances, (record, about) => {
        const other = { ...record, items: turned(record.items), invalid: turned(record.invalid) };
        const store = { ...about.store, appointments: about.store.appointments.toReversed() };
        const verdict = judge(other, { ...about, store });
        const codes = (told: typeof verdict.broken): unknown => told.map(({ code, item }) => [code, item]);
        const expected = judge(record, about);
        expect([verdict.kind, verdict.stage, codes(verdict.broken), codes(verdict.warnings)]).toEqual([
          expected.kind,
          expected.stage,
          codes(expected.broken),
          codes(expected.warnings),
        ]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('decides the same twice, and changes nothing that it was given', () => {
    for (const example of examples) {
      const before = JSON.stringify(example.subject);
      const first = judge(example.subject, example.circumstances);
      expect(judge(example.subject, example.circumstances)).toEqual(first);
      expect(JSON.stringify(example.subject)).toBe(before);
    }
  });
});

const quiet: Circumstances = {
  reference: full,
  parameters: defaultParameters,
  today: exampleToday,
  store: {
    appointments: [acceptedAppointment(7, '2024-04-01', null)],
    lastEventOpen: false,
    point: goodPoint,
    pointOn: () => goodPoint,
  },
};

describe('a good record', () => {
  const good: readonly Subject[] = [
    { entity: 'metering_point', recordType: 'create', items: goodPoint, invalid: {}, senderId: 'REGS', previous: null },
    {
      entity: 'appointment',
      recordType: 'create',
      items: goodAppointment,
      invalid: {},
      senderId: 'REGS',
      previous: null,
    },
    {
      entity: 'meter_asset',
      recordType: 'create',
      items: goodAsset satisfies MeterAssetItems,
      invalid: {},
      senderId: 'REGS',
      previous: null,
    },
  ];

  it.each(good.map((record) => [record.entity, record] as const))(
    'of %s is accepted with the one shared answer',
    (_, record) => {
      const verdict = judge(record, quiet);
      expect(verdict.kind).toBe('accept');
      expect(verdict).toBe(judge(record, quiet));
      expect(Object.isFrozen(verdict) && Object.isFrozen(verdict.broken)).toBe(true);
    },
  );
});
