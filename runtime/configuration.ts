import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { z } from 'zod';

/** One thing that is wrong in a configuration file: where (a path such as `kafka.brokers.0`), what, and the fix. */
export interface ConfigurationProblem {
  readonly path: string;
  readonly problem: string;
  readonly fix: string;
}

/** All problems of a file at once. The message lists them, one a line. */
export class ConfigurationError extends Error {
  readonly file: string;
  readonly problems: readonly ConfigurationProblem[];

  constructor(file: string, problems: readonly ConfigurationProblem[]) {
    const lines = problems.map((one) => `  ${one.path === '' ? '(file)' : one.path}: ${one.problem} → ${one.fix}`);
    super(`${file} has ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}:\n${lines.join('\n')}`);
    this.name = 'ConfigurationError';
    this.file = file;
    this.problems = problems;
  }
}

/** Reads, interpolates `${NAME}` from the environment, and validates. Throws a ConfigurationError with every problem. */
export function readConfiguration<T>(file: string, schema: z.ZodType<T>, environment: NodeJS.ProcessEnv): T {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new ConfigurationError(file, [
      {
        path: '',
        problem: 'the file can not be read',
        fix: 'name an existing file with --config, or use --data-dir for the embedded stack',
      },
    ]);
  }
  return parseConfiguration(text, file, schema, environment);
}

export function parseConfiguration<T>(
  text: string,
  file: string,
  schema: z.ZodType<T>,
  environment: NodeJS.ProcessEnv,
): T {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    throw new ConfigurationError(
      file,
      document.errors.map((error) => ({
        path: '',
        problem: error.message.split('\n')[0] ?? 'not YAML',
        fix: 'correct the YAML',
      })),
    );
  }
  const problems: ConfigurationProblem[] = [];
  const raw = interpolate(document.toJS(), '', environment, problems);
  const result = schema.safeParse(raw);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => describeIssue(issue)));
  if (problems.length > 0 || !result.success) throw new ConfigurationError(file, problems);
  return result.data;
}

function interpolate(
  value: unknown,
  path: string,
  environment: NodeJS.ProcessEnv,
  problems: ConfigurationProblem[],
): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
      const found = environment[name];
      if (found === undefined) {
        problems.push({
          path,
          problem: `the environment variable ${name} is not set`,
          fix: `set ${name}, or write the value in the file`,
        });
      }
      return found ?? '';
    });
  }
  if (Array.isArray(value))
    return value.map((one, index) => interpolate(one, join(path, index), environment, problems));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, interpolate(one, join(path, key), environment, problems)]),
    );
  }
  return value;
}

function join(path: string, key: string | number): string {
  return path === '' ? String(key) : `${path}.${key}`;
}

function describeIssue(issue: z.core.$ZodIssue): readonly ConfigurationProblem[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: join(path, key),
      problem: 'this setting is not known',
      fix: 'remove it, or correct its name',
    }));
  }
  // Where the schema has words of its own, they are better than any of ours.
  const separator = issue.message.indexOf(' → ');
  if (separator >= 0) {
    return [{ path, problem: issue.message.slice(0, separator), fix: issue.message.slice(separator + 3) }];
  }
  return [{ path, ...describeKind(issue) }];
}

function describeKind(issue: z.core.$ZodIssue): { readonly problem: string; readonly fix: string } {
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.endsWith('received undefined')
        ? { problem: 'is missing', fix: `add it, as ${nameOf(issue.expected)}` }
        : { problem: `is not ${nameOf(issue.expected)}`, fix: `write ${nameOf(issue.expected)}` };
    case 'too_small':
      return issue.origin === 'string'
        ? { problem: 'is empty', fix: 'write a text, or leave the setting out' }
        : { problem: 'is too small', fix: `the least is ${issue.minimum}` };
    case 'too_big':
      return { problem: 'is too large', fix: `the most is ${issue.maximum}` };
    case 'invalid_value':
      return { problem: 'is not a value that is possible here', fix: `write one of ${issue.values.join(', ')}` };
    case 'invalid_key':
      return { problem: 'is not a name that is possible here', fix: namesPossible(issue) };
    case 'invalid_format':
    case 'not_multiple_of':
    case 'unrecognized_keys':
    case 'invalid_union':
    case 'invalid_element':
    case 'custom':
      return { problem: issue.message, fix: 'see docs/configuration.md' };
  }
}

/** What a type is called by people. */
function nameOf(type: string): string {
  const names: Readonly<Record<string, string>> = {
    int: 'a whole number',
    number: 'a number',
    string: 'a text',
    boolean: 'true or false',
    array: 'a list',
    object: 'a group of settings',
    record: 'a group of settings',
  };
  return names[type] ?? `a ${type}`;
}

function namesPossible(issue: z.core.$ZodIssueInvalidKey): string {
  const [first] = issue.issues;
  return first?.code === 'invalid_value' ? `use one of ${first.values.join(', ')}` : 'see docs/configuration.md';
}
