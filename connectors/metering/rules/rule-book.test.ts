import { describe, expect, it } from 'vitest';
import { type Stage, stages } from './contract.ts';
import { examples, examplesOf } from './examples.ts';
import { judge } from './judge.ts';
import { ruleBook } from './rule-book.ts';
import { ruleTable } from './rule-table.fixture.ts';

const byCode = (a: { code: string }, b: { code: string }): number => (a.code < b.code ? -1 : 1);

describe('the rule book', () => {
  it('has exactly the rules of the table, each with its flows, disposition, stage and mark', () => {
    const rules = ruleBook.map(({ code, entities, disposition, stage, aboutToday }) => ({
      code,
      entities,
      disposition,
      stage,
      aboutToday,
    }));
    expect(rules.toSorted(byCode)).toEqual(ruleTable.toSorted(byCode));
  });

  it('lists the rules in the order of the stages', () => {
    const order = ruleBook.map((rule) => stages.indexOf(rule.stage));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  it('rejects appointments only, and nothing is held or rejected by a rule of form for want of data that may come', () => {
    for (const rule of ruleBook) {
      if (rule.disposition === 'rejection') expect(rule.entities, rule.code).toEqual(['appointment']);
      if (rule.disposition === 'hold') expect<Stage[]>(['reference', 'cross'], rule.code).toContain(rule.stage);
    }
  });

  it.each(ruleBook.map((rule) => [rule.code, rule] as const))(
    '%s says what must hold, what to do, and who says so',
    (_, rule) => {
      expect(rule.sentence).toMatch(/^[A-Z].*\.$/);
      expect(rule.remedy).toMatch(/^[A-Z].*\.$/);
      expect(rule.support.length).toBeGreaterThan(10);
      expect(rule.items.length).toBeGreaterThan(0);
    },
  );

  it.each(ruleBook.map((rule) => [rule.code]))('%s has a case that passes and one that fails', (code) => {
    const cases = examplesOf(code);
    expect(cases.filter((example) => example.passes).length).toBeGreaterThan(0);
    expect(cases.filter((example) => !example.passes).length).toBeGreaterThan(0);
  });

  it.each(ruleBook.flatMap((rule) => rule.entities.map((entity) => [rule.code, entity] as const)))(
    '%s fails for %s in at least one case',
    (code, entity) => {
      const cases = examplesOf(code).filter((example) => !example.passes);
      expect(cases.map((example) => example.subject.entity)).toContain(entity);
    },
  );
});

describe('the whole judge', () => {
  it.each(examples.map((example) => [example.code, example.title, example] as const))(
    '%s: %s',
    (_code, _title, example) => {
      const verdict = judge(example.subject, example.circumstances);
      const told = [...verdict.broken, ...verdict.warnings].map((rule) => rule.code);
      expect([...new Set(told)]).toEqual(example.told);
    },
  );

  it.each(examples.map((example) => [example.code, example.title, example] as const))(
    'tells no unmasked MPAN for %s: %s',
    (_code, _title, example) => {
      const verdict = judge(example.subject, example.circumstances);
      for (const { text } of [...verdict.broken, ...verdict.warnings]) {
        expect(text.replace(/[ -]/g, '')).not.toMatch(/\d{13}/);
        expect(text).toMatch(/[.]$/);
      }
    },
  );
});
