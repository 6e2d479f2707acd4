import type { Complain, Edition } from './contract.ts';

/** What the first line of a file says: `#mdd version=43 set=increment base=42 rows=2`. */
export interface EditionLine {
  readonly edition: Edition;
  /** How many lines follow the names of the columns, where the file says so: a file that was cut off is found by it. */
  readonly rows: number | null;
}

export const editionExample = '#mdd version=43 set=full';

const fix = `begin the file with a line such as ${editionExample}, or #mdd version=43 set=increment base=42`;

/** Null when the line does not say an edition; what is wrong has been told then. */
export function readEdition(text: string, complain: Complain): EditionLine | null {
  const [mark, ...words] = text.trim().split(/\s+/);
  if (mark !== '#mdd') {
    complain(1, null, 'does not say which version it belongs to', fix);
    return null;
  }
  let isGood = true;
  const wrong = (problem: string, remedy: string = fix): void => {
    isGood = false;
    complain(1, null, problem, remedy);
  };
  const given = new Map<string, string>();
  for (const word of words) {
    const [name = '', value = ''] = word.split('=', 2);
    if (!['version', 'set', 'base', 'rows'].includes(name)) wrong(`"${word}" is not known in the first line`);
    else given.set(name, value);
  }
  const version = wholeNumber(given.get('version'));
  const base = wholeNumber(given.get('base'));
  const rows = wholeNumber(given.get('rows'));
  const set = given.get('set');
  if (version === null) wrong('has no version', 'add version=N, a whole number from 1 on');
  if (set !== 'full' && set !== 'increment')
    wrong('does not say whether it is a full set', 'add set=full or set=increment');
  if (set === 'increment' && base === null) {
    wrong('is an increment without its base', 'add base=N, the version that it builds on');
  }
  if (set === 'full' && given.has('base')) wrong('is a full set with a base', 'remove base=, or write set=increment');
  if (base !== null && version !== null && base >= version) {
    wrong(`builds on version ${base}, which is not before its own`, 'correct version= or base=');
  }
  if (given.has('rows') && rows === null && given.get('rows') !== '0')
    wrong('has a wrong number of rows', 'correct rows=');
  if (!isGood || version === null || (set !== 'full' && set !== 'increment')) return null;
  return { edition: { version, set, base }, rows: given.get('rows') === '0' ? 0 : rows };
}

function wholeNumber(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return null;
  const value = Number(text);
  return value >= 1 && value <= 2_147_483_647 ? value : null;
}

export function tellEdition({ version, set, base }: Edition): string {
  return set === 'full' ? `version ${version}, full set` : `version ${version}, increment on version ${base}`;
}
