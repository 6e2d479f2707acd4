import type { Complain, ReferenceRow, ReferenceTable } from './contract.ts';

/** A column of a file: what may stand in it. */
interface ReferenceColumn {
  readonly item: string;
  readonly isDate: boolean;
  /** May be empty, which is NULL. */
  readonly optional: boolean;
  readonly form: RegExp;
  /** What is right, for people: after "write". */
  readonly expected: string;
}

export interface ReferenceTableForm {
  readonly table: ReferenceTable;
  readonly columns: readonly ReferenceColumn[];
  readonly key: readonly string[];
}

const mpidForm = { isDate: false, optional: false, form: /^[A-Z0-9]{4}$/, expected: 'four of A–Z and 0–9' };
const dateForm = { isDate: true, form: /^\d{4}-\d{2}-\d{2}$/, expected: 'a date such as 2026-04-01' };
const period: readonly ReferenceColumn[] = [
  { item: 'effective_from', optional: false, ...dateForm },
  { item: 'effective_to', optional: true, ...dateForm },
];

/** The columns of each file, which are those of its table. `reference_version` is the edition's, and is not repeated. */
export const referenceForms: readonly ReferenceTableForm[] = [
  {
    table: 'participant',
    columns: [
      { item: 'mpid', ...mpidForm },
      { item: 'role', isDate: false, optional: false, form: /^\S{1,5}$/, expected: 'a role code of 1 to 5 characters' },
      { item: 'name', isDate: false, optional: true, form: /^[^\0]*$/, expected: 'a name without NUL characters' },
      ...period,
    ],
    key: ['mpid', 'role', 'effective_from'],
  },
  {
    table: 'distributor_gsp_group',
    columns: [
      { item: 'prefix', isDate: false, optional: false, form: /^\d{2}$/, expected: 'two digits, with a leading zero' },
      { item: 'distributor_mpid', ...mpidForm },
      { item: 'gsp_group', isDate: false, optional: false, form: /^_[A-HJ-NP]$/, expected: 'a GSP group such as _A' },
      ...period,
    ],
    key: ['prefix', 'gsp_group', 'effective_from'],
  },
];

export function formOf(table: ReferenceTable): ReferenceTableForm {
  const form = referenceForms.find((one) => one.table === table);
  if (form === undefined) throw new Error(`no form for ${table}`);
  return form;
}

/** Tells what is wrong with a line. A line that takes something away needs its key only. */
export function checkRow(form: ReferenceTableForm, row: ReferenceRow, line: number, complain: Complain): void {
  for (const { item, form: pattern, expected, optional, isDate } of form.columns) {
    const value = row.items[item] ?? null;
    const isNeeded = row.change === 'remove' ? form.key.includes(item) : !optional;
    if (value === null) {
      if (isNeeded) complain(line, item, 'is empty', `write ${expected}`);
    } else if (!pattern.test(value) || (isDate && !isDay(value))) {
      complain(line, item, `"${shortened(value)}" is not what belongs here`, `write ${expected}`);
    }
  }
  const { effective_from: from = null, effective_to: to = null } = row.items;
  if (from !== null && to !== null && isDay(from) && isDay(to) && to < from) {
    complain(line, 'effective_to', 'ends before it begins', 'correct one of the two dates; both are inclusive');
  }
}

/** A day that the calendar has: 2026-02-30 is none. */
function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
