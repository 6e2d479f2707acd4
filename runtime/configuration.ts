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
  const separator = issue.message.indexOf(' → ');
  if (separator >= 0) {
    return [{ path, problem: issue.message.slice(0, separator), fix: issue.message.slice(separator + 3) }];
  }
  if (issue.code === 'invalid_type') {
    return [{ path, problem: issue.message.replace('Invalid input: ', ''), fix: `give a ${issue.expected}` }];
  }
  return [{ path, problem: issue.message, fix: 'see docs/configuration.md' }];
}
