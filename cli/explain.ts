import { Command } from 'commander';
import { explanationOf, allExplanations } from '../runtime/codes.ts';
import { ruleBook } from '../connectors/metering/rules/rule-book.ts';
import { nearestOf } from '../connectors/metering/rules/suggestion.ts';
import { withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, UsageError } from './output.ts';
import type { Explanation } from '../runtime/explanations/explanation.ts';

/** `concord explain CODE`: what an error, finding or rule means and what to do. */
export function explainCommand(): Command {
  // It needs no servers, but a habit such as `concord … --config F` must not be bad usage here alone.
  const command = new Command('explain')
    .description('say what an error, finding or rule code means and what to do')
    .argument('<code>', 'such as SLOT_AHEAD_OF_CHECKPOINT or MPAN_CHECK_DIGIT');
  return withCommonOptions(command).action((code: string, options: CommonOptions) => {
    const found = explain(code.toUpperCase());
    if (found === null) {
      const near = nearestOf(code, [
        ...ruleBook.map((rule) => rule.code),
        ...allExplanations().map((explanation) => explanation.code),
      ]);
      throw new UsageError(
        `There is no code ${code}.${near === null ? '' : ` Did you mean ${near}?`} \`concord rules list\` lists the rules, docs/runbook.md all others.`,
      );
    }
    if (options.json === true) {
      printJson(found);
    } else {
      print(`${found.code}: ${found.title}\n\nWhat it means: ${found.meaning}\nWhat to do:    ${found.remedy}`);
    }
    process.exitCode = exit.done;
  });
}

function explain(code: string): Explanation | null {
  const rule = ruleBook.find((one) => one.code === code);
  if (rule !== undefined)
    return {
      code,
      title: rule.sentence,
      meaning: `A ${rule.disposition} of stage ${rule.stage}. Support: ${rule.support}`,
      remedy: rule.remedy,
    };
  return explanationOf(code);
}
