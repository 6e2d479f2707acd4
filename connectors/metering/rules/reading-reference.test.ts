import { expect, test } from 'vitest';
import type { ReferenceView } from './contract.ts';
import { examples } from './examples.ts';
import { codesReadingReference } from './reading-reference.ts';
import { ruleBook } from './rule-book.ts';

/** Tells `onLook` of every question to reference data. */
function watched(view: ReferenceView, onLook: () => void): ReferenceView {
  return new Proxy(view, {
    get: (target, name) => {
      onLook();
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === 'function' ? (found.bind(target) as unknown) : found;
    },
  });
}

test('the rules that are said to read reference data are those that ask it something', () => {
  const reading = ruleBook.filter((rule) =>
    examples.some((example) => {
      let looked = false;
      const reference = watched(example.circumstances.reference, () => {
        looked = true;
      });
      rule.judge(example.subject, { ...example.circumstances, reference });
      return looked;
    }),
  );
  expect(reading.map(({ code }) => code).toSorted()).toEqual(codesReadingReference.toSorted());
});
