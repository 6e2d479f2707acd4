/**
 * Names of SQL where only letters, digits and underscores may stand: everything else is written as `_xHHHH_`, its code
 * point in hexadecimal, as SQL/XML does it (ISO 9075-14). Different names stay different.
 */
export function avroName(name: string): string {
  return escaped(name, /[^A-Za-z0-9_]/u, /^[0-9]/u);
}

/** The same for a part of a topic's name, where a hyphen and a leading digit may stand, too. */
export function topicPart(name: string): string {
  return escaped(name, /[^A-Za-z0-9_-]/u, null);
}

/** A name that is taken for something else: its first character is written as its code. */
export function withoutMeaning(name: string): string {
  const [first = ''] = name;
  return codeOf(first) + name.slice(first.length);
}

function escaped(name: string, never: RegExp, neverFirst: RegExp | null): string {
  let text = '';
  let at = 0;
  for (const character of name) {
    const looksEscaped = character === '_' && /^_x[0-9A-F]{4,6}_/u.test(name.slice(at));
    const isBadStart = at === 0 && neverFirst?.test(character) === true;
    text += never.test(character) || looksEscaped || isBadStart ? codeOf(character) : character;
    at += character.length;
  }
  return text;
}

function codeOf(character: string): string {
  return `_x${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}_`;
}
