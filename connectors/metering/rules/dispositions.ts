import { z } from 'zod';
import type { Disposition } from './contract.ts';
import { codesReadingReference } from './reading-reference.ts';
import { ruleBook, ruleOf } from './rule-book.ts';
import { nearestOf } from './suggestion.ts';
import { quoted } from './wording.ts';

/** Rules that wait for what Flow 1 says of the MPAN: a held event of theirs is judged again when it comes. */
export const codesWaitingForPoint: readonly string[] = ['METERING_POINT_UNKNOWN', 'SUPPLIER_MISMATCH'];

/** The store itself lets no two appointments of an MPAN share a day: what breaks these rules could not be written. */
const codesTheStoreNeeds: readonly string[] = ['APPOINTMENT_OVERLAP', 'DATE_ORDER'];

const dispositions: Readonly<Record<Disposition, true>> = { error: true, rejection: true, hold: true, warn: true };

/** What is wrong with the code of a rule, or null. */
export function problemOfCode(code: string): string | null {
  if (ruleOf(code) !== null) return null;
  const near = nearestOf(
    code,
    ruleBook.map((rule) => rule.code),
  );
  return `${quoted(code)} is no rule → ${near === null ? 'see `concord rules list`' : `did you mean ${near}?`}`;
}

/** What is wrong with switching a rule off, or null. */
export function problemOfDisabling(code: string): string | null {
  if (!codesTheStoreNeeds.includes(code)) return problemOfCode(code);
  return `${code} can not be switched off: the store holds one metering service a day and could not be written → take it out`;
}

function isDisposition(word: unknown): word is Disposition {
  return typeof word === 'string' && Object.hasOwn(dispositions, word);
}

/** What is wrong with a disposition for the rule, or null. */
export function problemOfDisposition(code: string, word: unknown): string | null {
  if (!isDisposition(word)) return problemOfWord(word);
  const rule = ruleOf(code);
  if (rule === null || rule.disposition === word) return null;
  if (word === 'rejection' && rule.entities.some((entity) => entity !== 'appointment')) {
    return 'only an appointment can be refused with a rejection, and this rule is about other records, too → write error or warn';
  }
  if (word === 'warn' && codesTheStoreNeeds.includes(code)) {
    return 'what breaks this rule can not be written: the store holds one metering service a day → write error';
  }
  if (word === 'hold' && ![...codesReadingReference, ...codesWaitingForPoint].includes(code)) {
    return 'nothing that comes later could end such a hold → write error or warn; rules that wait for reference data or for the metering point can be held';
  }
  return null;
}

function problemOfWord(word: unknown): string {
  if (typeof word !== 'string') return 'is no disposition → write error, rejection, hold or warn';
  if (/^(off|none|ignore|disabled?)$/i.test(word)) {
    return `${quoted(word)} is no disposition → to switch a rule off, name it in \`disabled\``;
  }
  const near = nearestOf(
    word,
    Object.keys(dispositions).map((one) => one.toUpperCase()),
  );
  const hint = near === null ? 'write error, rejection, hold or warn' : `did you mean ${near.toLowerCase()}?`;
  return `${quoted(word)} is no disposition → ${hint}`;
}

/** By code. Every problem is told, each at its code. */
export const dispositionsSchema = z
  .record(z.string(), z.string())
  .superRefine((said, refinement) => {
    for (const [code, word] of Object.entries(said)) {
      for (const message of [problemOfCode(code), problemOfDisposition(code, word)]) {
        if (message !== null) refinement.addIssue({ code: 'custom', path: [code], message });
      }
    }
  })
  .transform((said) =>
    Object.fromEntries(Object.entries(said).filter((one): one is [string, Disposition] => isDisposition(one[1]))),
  );
