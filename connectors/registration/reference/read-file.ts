import { CsvError, parse } from 'csv-parse/sync';
import type { Complain, ReferenceRow } from './contract.ts';
import { type EditionLine, readEdition } from './edition.ts';
import { checkRow, type ReferenceTableForm } from './tables.ts';

/** A file as far as it could be read: without an edition, what it says of itself is wrong. */
export interface ReadFile {
  readonly edition: EditionLine | null;
  readonly rows: readonly { readonly line: number; readonly row: ReferenceRow }[];
}

interface ParsedLine {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * Reads one file: the edition, the names of the columns in any order, then the lines. Everything that is wrong is told,
 * but a file that is no CSV is told of once: what comes after a broken quote means nothing.
 */
export function readFile(form: ReferenceTableForm, bytes: Uint8Array, complain: Complain): ReadFile {
  const lines = parseLines(bytes, complain);
  const [first, header, ...body] = lines ?? [];
  if (lines === null) return { edition: null, rows: [] };
  const edition = readEdition(first?.record[0] ?? '', complain);
  if (header === undefined) {
    complain(2, null, 'has no line with the names of the columns', `add ${namesOf(form).join(',')}`);
    return { edition, rows: [] };
  }
  const columns = readHeader(form, header, edition, complain);
  if (columns === null) return { edition, rows: [] };
  const rows = body.map(({ record, info: { lines: line } }) => {
    const row = rowOf(form, columns, record, line, edition, complain);
    checkRow(form, row, line, complain);
    return { line, row };
  });
  if (edition?.rows !== undefined && edition.rows !== null && edition.rows !== rows.length) {
    const told = `has ${rows.length} rows, and says that it has ${edition.rows}`;
    complain(null, null, told, 'fetch the file again, it may have been cut off; or correct rows=');
  }
  return { edition, rows };
}

function parseLines(bytes: Uint8Array, complain: Complain): readonly ParsedLine[] | null {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    complain(null, null, 'is not UTF-8', 'save it as UTF-8');
    return null;
  }
  try {
    // The reader's own types do not say what `info` does to a record.
    return parse(text, {
      bom: true,
      info: true,
      trim: true,
      skipEmptyLines: true,
      relaxColumnCount: true,
    } as object) as unknown as ParsedLine[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line: unknown = error['lines'];
    complain(
      typeof line === 'number' ? line : null,
      null,
      'is not CSV here',
      'correct the quotes: a quote within a value is written twice',
    );
    return null;
  }
}

function namesOf(form: ReferenceTableForm): readonly string[] {
  return form.columns.map(({ item }) => item);
}

/** Column names, position by position. */
function readHeader(
  form: ReferenceTableForm,
  { record, info: { lines: line } }: ParsedLine,
  edition: EditionLine | null,
  complain: Complain,
): readonly string[] | null {
  const isIncrement = edition?.edition.set === 'increment';
  const known = [...namesOf(form), 'reference_version', 'change'];
  let isGood = true;
  for (const [at, name] of record.entries()) {
    let problem: string | null = null;
    if (!known.includes(name)) problem = 'is no column of this file';
    else if (record.indexOf(name) !== at) problem = 'is there twice';
    else if (name === 'change' && !isIncrement) problem = 'is a column of increments only';
    if (problem === null) continue;
    isGood = false;
    complain(line, name, problem, `the columns are ${namesOf(form).join(', ')}${isIncrement ? ', and change' : ''}`);
  }
  for (const name of namesOf(form)) {
    if (record.includes(name)) continue;
    isGood = false;
    complain(line, name, 'is missing', 'add the column');
  }
  return isGood ? record : null;
}

function rowOf(
  form: ReferenceTableForm,
  columns: readonly string[],
  record: readonly string[],
  line: number,
  edition: EditionLine | null,
  complain: Complain,
): ReferenceRow {
  if (record.length !== columns.length) {
    const told = `has ${record.length} values for ${columns.length} columns`;
    complain(line, null, told, 'add or remove a comma; a value with a comma stands in quotes');
  }
  const values = new Map(columns.map((name, at) => [name, record[at] ?? '']));
  const version = values.get('reference_version') ?? '';
  if (version !== '' && edition !== null && version !== String(edition.edition.version)) {
    const told = `"${version}" is not the version of the file, which is ${edition.edition.version}`;
    complain(line, 'reference_version', told, 'put rows of different versions into different directories');
  }
  const change = values.get('change') ?? '';
  if (!['', 'put', 'remove'].includes(change)) {
    complain(line, 'change', `"${change}" is not known`, 'write put or remove; nothing means put');
  }
  const items = Object.fromEntries(namesOf(form).map((item) => [item, values.get(item) || null]));
  return { change: change === 'remove' ? 'remove' : 'put', items };
}
