import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecodedEvent, RecordType } from '../../../avro/envelope.ts';
import { ReferenceData, type ReferenceEntity, type ReferenceItems } from './reference-data.ts';

function participant(mpid: string, from: number, to: number | null, version = 1): ReferenceItems {
  return { mpid, role: 'X', name: mpid, effective_from: from, effective_to: to, reference_version: version };
}

function distributor(prefix: string, mpid: string, group: string, from: number, to: number | null): ReferenceItems {
  return { prefix, distributor_mpid: mpid, gsp_group: group, effective_from: from, effective_to: to };
}

function event(recordType: RecordType, items: ReferenceItems, invalid: Record<string, string> = {}): DecodedEvent {
  return {
    ...items,
    recordType,
    senderId: 'REGS',
    createdAt: 0,
    correlationId: null,
    source: { name: 'registration', generation: 1, lsn: 1, ordinal: 1, xid: 1, committedAt: 0, sourceTime: 0 },
    invalid,
    unchanged: [],
  };
}

describe('reference data', () => {
  it('knows a role from its first to its last day, both inclusive', () => {
    const reference = new ReferenceData();
    reference.upsert('participant', participant('SUPA', 10, 20));
    expect([9, 10, 20, 21].map((day) => reference.holdsAt('SUPA', 'X', day))).toEqual([false, true, true, false]);
    expect(reference.everHeld('SUPA', 'X')).toBe(true);
    expect(reference.everHeld('SUPA', 'M')).toBe(false);
  });

  it('takes a null end for an open one', () => {
    const reference = new ReferenceData();
    reference.upsert('participant', participant('SUPA', 10, null));
    expect(reference.holdsAt('SUPA', 'X', 1_000_000)).toBe(true);
  });

  it('keeps two periods of one holder apart, and changes each under its own key', () => {
    const reference = new ReferenceData();
    reference.upsert('participant', participant('SUPA', 10, 20));
    reference.upsert('participant', participant('SUPA', 30, null));
    reference.upsert('participant', participant('SUPA', 10, 15));
    expect([16, 25, 30].map((day) => reference.holdsAt('SUPA', 'X', day))).toEqual([false, false, true]);
    reference.delete('participant', { mpid: 'SUPA', role: 'X', effective_from: 30 });
    expect(reference.holdsAt('SUPA', 'X', 30)).toBe(false);
    expect(reference.everHeld('SUPA', 'X')).toBe(true);
    reference.delete('participant', { mpid: 'SUPA', role: 'X', effective_from: 10 });
    expect(reference.everHeld('SUPA', 'X')).toBe(false);
  });

  it('forgets everything on a truncate but the version that it has seen', () => {
    const reference = new ReferenceData();
    reference.applyEvent('participant', event('create', participant('SUPA', 10, null, 312)));
    reference.applyEvent('participant', event('read', participant('SUPB', 10, null, 311)));
    expect(reference.version).toBe(312);
    reference.applyEvent('participant', event('truncate', {}));
    expect(reference.everHeld('SUPA', 'X')).toBe(false);
    expect(reference.version).toBe(312);
  });

  it('has no version before the first row', () => {
    expect(new ReferenceData().version).toBeNull();
  });

  it('takes infinite dates, which travel as invalid, for open ends', () => {
    const reference = new ReferenceData();
    const items = { ...participant('SUPA', 0, null), effective_from: null };
    reference.applyEvent(
      'participant',
      event('create', items, { effective_from: '-infinity', effective_to: 'infinity' }),
    );
    expect(reference.holdsAt('SUPA', 'X', -400_000)).toBe(true);
  });

  it('knows the groups and the owner of a prefix at a day', () => {
    const reference = new ReferenceData();
    reference.upsert('distributor_gsp_group', distributor('17', 'HYDE', '_P', 10, null));
    reference.upsert('distributor_gsp_group', distributor('17', 'HYDE', '_N', 20, 30));
    expect(reference.prefixOwnerAt('17', 9)).toBeNull();
    expect(reference.prefixOwnerAt('17', 10)).toBe('HYDE');
    expect(reference.prefixOwnerAt('99', 10)).toBeNull();
    expect([19, 20, 30, 31].map((day) => reference.groupValidAt('17', '_N', day))).toEqual([false, true, true, false]);
    reference.delete('distributor_gsp_group', { prefix: '17', gsp_group: '_P', effective_from: 10 });
    expect(reference.prefixOwnerAt('17', 10)).toBeNull();
    expect(reference.prefixOwnerAt('17', 25)).toBe('HYDE');
  });

  it('says the same whatever the order in which rows of different keys came', () => {
    const rows: (readonly [ReferenceEntity, ReferenceItems])[] = [
      ['participant', participant('SUPA', 10, 20)],
      ['participant', participant('SUPA', 30, null, 7)],
      ['distributor_gsp_group', distributor('20', 'SOUT', '_H', 0, 50)],
      ['distributor_gsp_group', distributor('20', 'OTHR', '_A', 0, null)],
      ['distributor_gsp_group', distributor('20', 'LATE', '_A', 40, null)],
    ];
    const answers = (reference: ReferenceData): unknown[] =>
      [5, 15, 25, 35, 45, 55].map((day) => [
        reference.version,
        reference.holdsAt('SUPA', 'X', day),
        reference.prefixOwnerAt('20', day),
        reference.groupValidAt('20', '_H', day),
      ]);
    const fed = (order: typeof rows): ReferenceData => {
      const reference = new ReferenceData();
      for (const [entity, items] of order) reference.upsert(entity, items);
      return reference;
    };
    const expected = answers(fed(rows));
    fc.assert(
      fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (order) => {
        expect(answers(fed(order))).toEqual(expected);
      }),
    );
  });
});
