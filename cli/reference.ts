import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import type { ReferenceProblem, ReferenceSet } from '../connectors/registration/reference/contract.ts';
import { tellEdition } from '../connectors/registration/reference/edition.ts';
import { type LoadAnswer, loadReference } from '../connectors/registration/reference/load.ts';
import { referencePlaces } from '../connectors/registration/reference/places.ts';
import { type NamedFile, readReferenceSet } from '../connectors/registration/reference/read-set.ts';
import type { ReferenceChange } from '../connectors/registration/reference/statements.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { explanationOf } from '../runtime/codes.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, printTable, UsageError } from './output.ts';

interface LoadCommandOptions extends CommonOptions {
  readonly plan?: boolean;
  readonly force?: boolean;
  readonly limit: string;
}

/** `concord reference load DIR`: Market Domain Data into the registration database. The files: docs/reference-files.md. */
export function referenceCommand(): Command {
  const reference = new Command('reference').description('reference data of the registration database');
  withCommonOptions(
    reference
      .command('load')
      .description('load the CSV files of one edition of Market Domain Data, all of them or none')
      .argument('<directory>', 'where the files are; their layout is in docs/reference-files.md'),
  )
    .option('--plan', 'only show what would change; exit code 3 when that is something')
    .option('--force', 'take an older version, or an increment that does not build on what is there')
    .option('--limit <rows>', 'list at most so many changes of each table', '20')
    .action(load);
  return reference;
}

async function load(directory: string, options: LoadCommandOptions): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 0) {
    throw new UsageError(`--limit ${options.limit} is not a number of rows; give 0 or more.`);
  }
  const settings = settingsOf(options);
  const found = readReferenceSet(readDirectory(directory));
  if ('problems' in found) {
    tellProblems(directory, found.problems, options.json === true);
    process.exitCode = exit.found;
    return;
  }
  const onlyPlan = options.plan === true;
  const answer = await withDatabase(settings.registration.database, 'concord reference', (client) =>
    loadReference(client, referencePlaces(settings.registration.tables), found.set, {
      onlyPlan,
      isForced: options.force === true,
    }),
  );
  if (options.json === true) printJson(documentOf(found.set, answer, onlyPlan));
  else tell(found.set, answer, onlyPlan, limit);
  const hasChanges = answer.tables.some(({ changes }) => changes.length > 0);
  process.exitCode = answer.refusal !== null || (onlyPlan && hasChanges) ? exit.found : exit.done;
}

function readDirectory(directory: string): readonly NamedFile[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => ({ name, bytes: readFileSync(path.join(directory, name)) }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `The directory ${directory} can not be read (${reason}). Name the one that holds the CSV files.`,
    );
  }
}

const problemsShown = 50;

function tellProblems(directory: string, problems: readonly ReferenceProblem[], asJson: boolean): void {
  if (asJson) {
    printJson({ loaded: false, code: 'REFERENCE_FILES_WRONG', problems });
    return;
  }
  print(
    `REFERENCE_FILES_WRONG: Nothing is loaded: the files in ${directory} have ${count(problems.length, 'problem')}.\n`,
  );
  for (const { file, line, column, problem, fix } of problems.slice(0, problemsShown)) {
    print(`${[file, line, column].filter((one) => one !== null).join(':')} ${problem} → ${fix}`);
  }
  if (problems.length > problemsShown) print(`… and ${problems.length - problemsShown} more; --json lists all.`);
  print('\ndocs/reference-files.md describes the files.');
}

function documentOf(set: ReferenceSet, { versionBefore, refusal, tables }: LoadAnswer, onlyPlan: boolean): unknown {
  return {
    loaded: refusal === null && !onlyPlan,
    plan: onlyPlan,
    ...(refusal === null ? {} : { code: refusal.code, text: refusal.text }),
    edition: set.edition,
    files: set.files,
    versionBefore,
    tables,
    problems: [],
  };
}

function tell(
  set: ReferenceSet,
  { versionBefore, refusal, tables }: LoadAnswer,
  onlyPlan: boolean,
  limit: number,
): void {
  if (refusal !== null) {
    print(`${refusal.code}: ${refusal.text} Nothing is loaded.`);
    print(`  What to do: ${explanationOf(refusal.code)?.remedy ?? ''}\n`);
  }
  const isDone = refusal === null && !onlyPlan;
  print(
    `${isDone ? 'Loaded' : 'Would load'} Market Domain Data ${tellEdition(set.edition)}, over ${there(versionBefore)}:\n`,
  );
  printTable(
    ['table', 'added', 'changed', 'removed', 'as before'],
    tables.map(({ table, added, changed, removed, unchanged }) => [table, added, changed, removed, unchanged]),
    '',
  );
  for (const { table, changes } of tables) {
    if (changes.length === 0 || limit === 0) continue;
    print('');
    for (const change of changes.slice(0, limit)) print(`${signs[change.kind]} ${table} ${describe(change)}`);
    if (changes.length > limit) print(`  … and ${changes.length - limit} more; --limit shows more, --json all.`);
  }
  if (isDone) {
    print(
      '\nRecords that are held for want of reference data are judged again when this arrives: `concord held list`.',
    );
  } else if (refusal === null) {
    print('\nNothing was changed. Without --plan it is loaded, in one transaction.');
  }
}

function there(version: number | null): string {
  return version === null ? 'nothing' : `version ${version}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

const signs = { add: '+', change: '~', remove: '-' } as const;

function describe({ before, after }: ReferenceChange): string {
  const shown = after ?? before ?? {};
  return Object.entries(shown)
    .map(([item, value]) => {
      const old = before?.[item] ?? null;
      const isChanged = before !== null && after !== null && old !== value;
      return isChanged ? `${item} ${old ?? 'NULL'} → ${value ?? 'NULL'}` : (value ?? 'NULL');
    })
    .join(' · ');
}
