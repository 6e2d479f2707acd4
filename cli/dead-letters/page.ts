import { maskDigits } from '../../runtime/mask.ts';
import { print, printTable } from '../output.ts';
import { shown, shownHex, shownKey } from '../shown.ts';
import type { Examination } from './examine.ts';
import { type BoxedLetter, letterName } from './places.ts';
import type { RedrivePlan } from './plan.ts';

/** A letter as it is shown and printed as JSON. */
export interface ShownLetter {
  readonly letter: string;
  readonly side: string;
  readonly source: string;
  readonly key: string | null;
  readonly code: string;
  readonly reason: string;
  readonly at: string;
  readonly state: 'open' | 'superseded' | 're-read';
  readonly closedAt: string | null;
  readonly closedBy: string | null;
  readonly attempts: number;
}

export function shownLetter(letter: BoxedLetter, isMpan: boolean, reveal: boolean): ShownLetter {
  return {
    letter: letterName(letter),
    side: letter.box.side,
    source: letter.source,
    key: shownKey(letter.key?.toString('utf8') ?? null, isMpan, reveal),
    code: letter.code,
    reason: maskDigits(letter.reason),
    at: letter.at.toISOString(),
    state: letter.result ?? 'open',
    closedAt: letter.closedAt?.toISOString() ?? null,
    closedBy: letter.closedBy,
    attempts: letter.attempts,
  };
}

export function printLetters(letters: readonly ShownLetter[], whenEmpty: string): void {
  printTable(
    ['letter', 'set aside', 'key', 'state', 'code', 'reason'],
    letters.map((one) => [one.letter, one.at.slice(0, 19).replace('T', ' '), one.key, one.state, one.code, one.reason]),
    whenEmpty,
  );
}

/** One letter with everything that is known of it; the document of `show --json`. */
export interface ShownExamination extends ShownLetter {
  readonly schemaId: number | null;
  readonly schema: string;
  readonly problem: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly redrive: string;
  readonly bytes: number;
  readonly hex: string;
}

export function shownExamination(
  letter: BoxedLetter,
  { schemaId, schema, problem, fields }: Examination,
  plan: RedrivePlan,
  isMpan: boolean,
  reveal: boolean,
): ShownExamination {
  const value = letter.value ?? Buffer.alloc(0);
  return {
    ...shownLetter(letter, isMpan, reveal),
    schemaId,
    schema,
    problem,
    fields: shown(fields, reveal),
    redrive: plan.says,
    bytes: value.length,
    hex: shownHex(value, reveal),
  };
}

export function printExamination(one: ShownExamination): void {
  print(`${one.letter}, key ${one.key ?? '(none)'}, set aside ${one.at} by the ${one.side} side`);
  print(`  then     ${one.code}: ${one.reason}`);
  print(`  now      ${one.problem ?? 'it can be read'}`);
  print(`  schema   ${one.schemaId === null ? one.schema : `${one.schemaId}: ${one.schema}`}`);
  if (one.state === 'open') print(`  redrive  ${one.redrive}`);
  else print(`  closed   ${one.state}, ${one.closedAt ?? ''} by ${one.closedBy ?? ''}`);
  print(`  attempts ${one.attempts}\n`);
  const fields = Object.entries(one.fields).filter(([, value]) => value !== null);
  for (const [name, value] of fields) print(`  ${name} = ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  if (fields.length > 0) print('');
  for (const line of dump(one.hex)) print(`  ${line}`);
}

const bytesALine = 16;
const linesMax = 64;

/** As `hexdump -C` writes it. */
export function dump(hex: string): readonly string[] {
  const bytes = Buffer.from(hex, 'hex');
  const lines: string[] = [];
  for (let at = 0; at < bytes.length && lines.length < linesMax; at += bytesALine) {
    const row = bytes.subarray(at, at + bytesALine);
    const pairs = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${pairs.padEnd(bytesALine * 3)} |${text}|`);
  }
  const left = bytes.length - lines.length * bytesALine;
  return left > 0 ? [...lines, `… ${left} more bytes; --json has them all`] : lines;
}
