import type { Cause } from '../agreement.ts';

/** What nothing explains, in the words of the whole page. */
export const causes: Readonly<Record<Cause, string>> = {
  'changed-in-store': 'changed in the store',
  missing: 'missing in the store',
  extra: 'in the store only',
  unknown: 'differs, cause unknown',
};

/** Text that is safe between tags and in quoted attributes. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function number(value: number): string {
  return value.toLocaleString('en-GB');
}

export function plural(value: number, noun: string): string {
  return `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** A point in time for people, always in UTC: `24 November 2026, 15:07:21 UTC`. */
export function moment(iso: string): string {
  const date = new Date(iso);
  const day = date.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
  return `${day}, ${iso.slice(11, 19)} UTC`;
}

/** The name of a table as people say it. */
export function tableTitle(table: string): string {
  const words = table.replaceAll('_', ' ').replace('gsp', 'GSP');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}s`;
}

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

/** Cells are HTML. A narrow window scrolls the table, not the page; of kind `stacked` it has the cells one below the other. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], kind = ''): string {
  const cell = (tag: 'th' | 'td', text: string, at: number): string =>
    `<${tag}${columns[at]?.isNumber === true ? ' class="n"' : ''}>${text}</${tag}>`;
  const head = columns.map(({ title }, at) => cell('th', escaped(title), at)).join('');
  const body = rows.map((row) => `<tr>${row.map((text, at) => cell('td', text, at)).join('')}</tr>`).join('\n');
  return `<div class="scroll"><table${kind === '' ? '' : ` class="${kind}"`}><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}
