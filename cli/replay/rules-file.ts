import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { z } from 'zod';
import type { RuleParameters } from '../../connectors/metering/rules/contract.ts';
import { parametersSchema } from '../../connectors/metering/rules/parameters.ts';
import { nearestOf } from '../../connectors/metering/rules/suggestion.ts';
import { UsageError } from '../output.ts';

type Group = Readonly<Record<string, unknown>>;

export function readRulesFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(
      `The rules file ${file} can not be read: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
}

/**
 * The live parameters with what the file says instead: it has the form of `metering.rules` in the configuration. A list is
 * replaced as a whole; of `roles`, `services` and `dispositions` only what is named, and of a rule that is named what is said here.
 */
export function rulesWith(live: RuleParameters, text: string): RuleParameters {
  const said = documentOf(text);
  const parsed = parametersSchema.safeParse(completed(live, said));
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, live));
    throw new UsageError(`The rules can not be used:\n${problems.map((one) => `  ${one}`).join('\n')}`);
  }
  const own: RuleParameters = parsed.data;
  const contracts = 'contracts' in said ? own.contracts : live.contracts;
  return { ...own, contracts };
}

/** What the schema is to see: its own defaults must not take the place of what is live. Contracts have been read already. */
function completed(live: RuleParameters, said: Group): Group {
  const { contracts: _, ...known } = live;
  const named = isGroup(said['dispositions']) ? Object.keys(said['dispositions']) : [];
  const off: readonly unknown[] = Array.isArray(said['disabled']) ? said['disabled'] : [];
  const kept = Object.entries(live.dispositions).filter(([code]) => !off.includes(code));
  const below = {
    roles: live.roles,
    services: live.services,
    dispositions: Object.fromEntries(kept),
  };
  return {
    ...known,
    disabled: live.disabled.filter((code) => !named.includes(code)),
    ...said,
    ...Object.fromEntries(
      Object.entries(below).map(([name, ofLive]) => {
        const ofFile = said[name];
        return [name, isGroup(ofFile) ? { ...ofLive, ...ofFile } : (ofFile ?? ofLive)];
      }),
    ),
  };
}

/** Each with its path, and what was probably meant. */
function problemsOf(issue: z.core.$ZodIssue, live: RuleParameters): readonly string[] {
  const path = issue.path.map(String);
  if (issue.code !== 'unrecognized_keys') return [`${path.join('.') || '(the file)'}: ${issue.message}`];
  const names = namesAt(live, path);
  return issue.keys.map((key) => `${[...path, key].join('.')}: there is no such parameter → ${hintFor(key, names)}`);
}

function hintFor(key: string, names: readonly string[]): string {
  if (key === 'metering' || key === 'rules') return 'write what stands below `metering.rules`, without these names';
  const near = nearestOf(
    key,
    names.map((name) => name.toUpperCase()),
  );
  const name = names.find((one) => one.toUpperCase() === near);
  return name === undefined ? `there are ${names.join(', ')}` : `did you mean ${name}?`;
}

function namesAt(live: RuleParameters, path: readonly string[]): readonly string[] {
  let at: unknown = live;
  for (const name of path) at = isGroup(at) ? at[name] : undefined;
  return isGroup(at) ? Object.keys(at) : [];
}

function isGroup(value: unknown): value is Group {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function documentOf(text: string): Group {
  let said: unknown;
  try {
    said = parse(text);
  } catch (error) {
    throw new UsageError(`The rules are no YAML: ${error instanceof Error ? error.message : String(error)}.`);
  }
  if (!isGroup(said) || Object.keys(said).length === 0) {
    throw new UsageError(
      'The rules say nothing: write what is to be other than in `metering.rules`, such as `dispositions: {MPAN_CHECK_DIGIT: warn}`.',
    );
  }
  return said;
}
