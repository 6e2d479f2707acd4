/**
 * Whether every value of a column keeps its text when the column's type, as SQL, becomes another one: a column of the
 * store can follow such a change by itself, and a record from before it still says the same.
 */
export function isWidened(from: string, to: string): boolean {
  const [before, after] = [parse(from), parse(to)];
  if (before === null || after === null) return false;
  const integers = ['smallint', 'integer', 'bigint'];
  if (integers.includes(before.name) && integers.includes(after.name))
    return integers.indexOf(after.name) > integers.indexOf(before.name);
  if (before.name === 'character varying' && after.name === 'text') return true;
  if (before.name !== after.name || before.name === 'text' || before.limits.length === 0) return false;
  if (after.limits.length === 0) return true;
  const [limit = 0, scale = 0] = before.limits;
  const [limitNow = 0, scaleNow = 0] = after.limits;
  if (before.name === 'numeric') return scaleNow >= scale && limitNow - scaleNow >= limit - scale;
  return limitNow > limit;
}

/** Types whose limit only bounds what they hold: what a wider one keeps is the text that the narrower one had. */
const limited = ['smallint', 'integer', 'bigint', 'character varying', 'text', 'numeric', 'bit varying'];

interface LimitedType {
  readonly name: string;
  readonly limits: readonly number[];
}

function parse(type: string): LimitedType | null {
  const [, name = '', limits] = /^([a-z ]+?)(?:\(([-\d,]+)\))?$/u.exec(type) ?? [];
  if (!limited.includes(name)) return null;
  return { name, limits: limits === undefined ? [] : limits.split(',').map(Number) };
}
