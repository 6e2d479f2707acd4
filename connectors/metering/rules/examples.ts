import type { RuleExample } from './example-world.ts';
import { formExamples } from './form-examples.ts';
import { recordExamples } from './record-examples.ts';
import { referenceExamples } from './reference-examples.ts';
import { storeExamples } from './store-examples.ts';

/** At least one case that passes and one that fails for every rule: for the tests, the documentation and `rules show`. */
export const examples: readonly RuleExample[] = [
  ...formExamples,
  ...referenceExamples,
  ...recordExamples,
  ...storeExamples,
];

export function examplesOf(code: string): readonly RuleExample[] {
  return examples.filter((example) => example.code === code);
}
