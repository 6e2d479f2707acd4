import type { Edition, ReferenceProblem, ReferenceRow, ReferenceSet, ReferenceTable } from './contract.ts';
import { tellEdition } from './edition.ts';
import { readFile } from './read-file.ts';
import { formOf, referenceForms } from './tables.ts';

/** A file of the directory. */
export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface PlacedRow {
  readonly file: string;
  readonly line: number;
  readonly row: ReferenceRow;
}

/**
 * What the CSV files of a directory say together, or everything that is wrong with them. A table may come in several
 * files: `participant.csv`, `participant-suppliers.csv`. All of them belong to one edition, or nothing is taken.
 */
export function readReferenceSet(
  files: readonly NamedFile[],
): { readonly set: ReferenceSet } | { readonly problems: readonly ReferenceProblem[] } {
  const problems: ReferenceProblem[] = [];
  const editions: { file: string; edition: Edition }[] = [];
  const placed = new Map<ReferenceTable, PlacedRow[]>();
  const csv = files.filter(({ name }) => /\.csv$/i.test(name)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, bytes } of csv) {
    const complain = (line: number | null, column: string | null, problem: string, fix: string): void => {
      problems.push({ file: name, line, column, problem, fix });
    };
    const table = tableOf(name);
    if (table === null) {
      complain(null, null, 'is the file of no table', `name it ${possibleNames}, or move it elsewhere`);
      continue;
    }
    const { edition, rows } = readFile(formOf(table), bytes, complain);
    if (edition !== null) editions.push({ file: name, edition: edition.edition });
    placed.set(table, [...(placed.get(table) ?? []), ...rows.map((one) => ({ file: name, ...one }))]);
  }
  const [first] = editions;
  problems.push(...mixedEditions(editions));
  if (csv.length === 0) problems.push(absent('.', 'there is no CSV file here', `put in ${possibleNames}`));
  // A file that can not be read is told of already.
  if (first?.edition.set === 'full' && problems.length === 0) problems.push(...missingTables(placed));
  for (const [table, rows] of placed) problems.push(...repeatedKeys(table, rows));
  problems.push(...sharedPrefixes(placed.get('distributor_gsp_group') ?? []));
  if (problems.length > 0 || first === undefined) return { problems: problems.toSorted(compareProblems) };
  const rows = new Map([...placed].map(([table, list]) => [table, list.map(({ row }) => row)]));
  return { set: { edition: first.edition, files: csv.map(({ name }) => name), rows } };
}

const possibleNames = referenceForms.map(({ table }) => `${table}.csv`).join(' or ');

function tableOf(file: string): ReferenceTable | null {
  const form = referenceForms.find(({ table }) => new RegExp(`^${table}([.-].+)?\\.csv$`, 'i').test(file));
  return form?.table ?? null;
}

function mixedEditions(editions: readonly { file: string; edition: Edition }[]): readonly ReferenceProblem[] {
  const [first] = editions;
  if (first === undefined) return [];
  const expected = tellEdition(first.edition);
  return editions
    .filter(({ edition }) => tellEdition(edition) !== expected)
    .map(({ file, edition }) => ({
      file,
      line: 1,
      column: null,
      problem: `is of another edition (${tellEdition(edition)}) than ${first.file} (${expected})`,
      fix: 'load files of one edition together, each edition from a directory of its own',
    }));
}

/** A full set says what there is: without its file, a table would be emptied. */
function missingTables(placed: ReadonlyMap<ReferenceTable, readonly PlacedRow[]>): readonly ReferenceProblem[] {
  return referenceForms
    .filter(({ table }) => (placed.get(table)?.length ?? 0) === 0)
    .map(({ table }) =>
      absent(
        `${table}.csv`,
        'has no row, and a full set would empty the table',
        'add the file, or write set=increment',
      ),
    );
}

function absent(file: string, problem: string, fix: string): ReferenceProblem {
  return { file, line: null, column: null, problem, fix };
}

function repeatedKeys(table: ReferenceTable, rows: readonly PlacedRow[]): readonly ReferenceProblem[] {
  const { key } = formOf(table);
  const seen = new Map<string, PlacedRow>();
  const problems: ReferenceProblem[] = [];
  for (const placed of rows) {
    const text = JSON.stringify(key.map((item) => placed.row.items[item]));
    const before = seen.get(text);
    if (before === undefined) seen.set(text, placed);
    else {
      problems.push({
        file: placed.file,
        line: placed.line,
        column: key.join(', '),
        problem: `is there already, in line ${before.line} of ${before.file}`,
        fix: 'remove one of the two',
      });
    }
  }
  return problems;
}

/** A prefix is one distributor's on a day: else it could not be said whose metering point it is. */
function sharedPrefixes(rows: readonly PlacedRow[]): readonly ReferenceProblem[] {
  const byPrefix = new Map<string, PlacedRow[]>();
  for (const placed of rows) {
    if (placed.row.change === 'remove') continue;
    const prefix = placed.row.items['prefix'] ?? '';
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), placed]);
  }
  return [...byPrefix.values()].flatMap((ofPrefix) =>
    ofPrefix.flatMap((later, at) => {
      const before = ofPrefix.slice(0, at).find((one) => overlaps(one.row, later.row));
      if (before === undefined) return [];
      return [
        {
          file: later.file,
          line: later.line,
          column: 'distributor_mpid',
          problem: `has the prefix on days on which line ${before.line} of ${before.file} gives it to another distributor`,
          fix: 'correct one of the two, or their dates',
        },
      ];
    }),
  );
}

function overlaps({ items: a }: ReferenceRow, { items: b }: ReferenceRow): boolean {
  if (a['distributor_mpid'] === b['distributor_mpid']) return false;
  const end = (items: ReferenceRow['items']): string => items['effective_to'] ?? '9999-12-31';
  return (a['effective_from'] ?? '') <= end(b) && (b['effective_from'] ?? '') <= end(a);
}

function compareProblems(a: ReferenceProblem, b: ReferenceProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0);
}
