import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { RuleParameters } from '../../connectors/metering/rules/contract.ts';
import { parametersSchema } from '../../connectors/metering/rules/parameters.ts';
import { UsageError } from '../output.ts';

export function readRulesFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(
      `The rules file ${file} can not be read: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
}

/** The live parameters with what the file says instead: it has the form of `metering.rules` in the configuration. */
export function rulesWith(live: RuleParameters, text: string): RuleParameters {
  const said = documentOf(text);
  const parsed = parametersSchema.safeParse(said);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `  ${path.join('.') || '(the file)'}: ${message}`);
    throw new UsageError(`The rules can not be used:\n${problems.join('\n')}`);
  }
  const own: RuleParameters = parsed.data;
  return { ...live, ...Object.fromEntries(Object.entries(own).filter(([name]) => name in said)) };
}

function documentOf(text: string): Readonly<Record<string, unknown>> {
  let said: unknown;
  try {
    said = parse(text);
  } catch (error) {
    throw new UsageError(`The rules are no YAML: ${error instanceof Error ? error.message : String(error)}.`);
  }
  if (said === null || typeof said !== 'object' || Array.isArray(said) || Object.keys(said).length === 0) {
    throw new UsageError(
      'The rules say nothing: write what is to be other than in `metering.rules`, such as `disabled: [MPAN_CHECK_DIGIT]`.',
    );
  }
  return said as Readonly<Record<string, unknown>>;
}
