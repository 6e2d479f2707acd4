import type { AppointmentItems, MeteringPointItems, Rule } from './contract.ts';
import { defineRule, type Finding, nothing } from './define.ts';
import { quoted } from './wording.ts';

const length = 4;

/** 0: not four of `[A-Z0-9]`; 1: well formed with a digit; 2: letters only. */
function shapeOf(mpid: string): 0 | 1 | 2 {
  if (mpid.length !== length) return 0;
  let shape: 1 | 2 = 2;
  for (let at = 0; at < length; at++) {
    const code = mpid.charCodeAt(at);
    if (code >= 48 && code <= 57) shape = 1;
    else if (code < 65 || code > 90) return 0;
  }
  return shape;
}

function isLetters(mpid: string | null): boolean {
  return mpid === null || shapeOf(mpid) === 2;
}

type Named = readonly (readonly [item: string, mpid: string | null])[];

// The usual record has letters only, and then neither rule looks further.
function areLetters(items: MeteringPointItems): boolean {
  return (
    isLetters(items.distributor_mpid) &&
    isLetters(items.supplier_mpid) &&
    isLetters(items.data_service_mpid) &&
    isLetters(items.metering_service_mpid)
  );
}

function ofPoint(items: MeteringPointItems): Named {
  return [
    ['distributor_mpid', items.distributor_mpid],
    ['supplier_mpid', items.supplier_mpid],
    ['data_service_mpid', items.data_service_mpid],
    ['metering_service_mpid', items.metering_service_mpid],
  ];
}

function ofAppointment(items: AppointmentItems): Named {
  return [
    ['mpid', items.mpid],
    ['supplier_mpid', items.supplier_mpid],
  ];
}

function withShape(named: Named, shape: 0 | 1, say: (item: string, mpid: string) => string): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [item, mpid] of named) {
    if (mpid !== null && shapeOf(mpid) === shape) findings.push({ item, text: say(item, mpid) });
  }
  return findings;
}

function malformed(named: Named): readonly Finding[] {
  return withShape(named, 0, (item, mpid) => `${item} is ${quoted(mpid)}: an MPID is four of A–Z and 0–9.`);
}

function withDigits(named: Named): readonly Finding[] {
  return withShape(named, 1, (item, mpid) => `${item} ${quoted(mpid)} has a digit: it is allowed, and rare.`);
}

const mpidItems = ['distributor_mpid', 'supplier_mpid', 'data_service_mpid', 'metering_service_mpid', 'mpid'];

const mpidFormat = defineRule({
  code: 'MPID_FORMAT',
  disposition: 'error',
  stage: 'form',
  items: mpidItems,
  sentence: 'A market participant id is four characters, each a capital letter or a digit.',
  remedy: 'Correct the MPID: look it up in Market Domain Data, and look for small letters and spaces.',
  support: 'Elexon SVA Data Catalogue, Market Participant Id, CHAR(4).',
  on: {
    metering_point: ({ items }) => (areLetters(items) ? nothing : malformed(ofPoint(items))),
    appointment: ({ items }) =>
      isLetters(items.mpid) && isLetters(items.supplier_mpid) ? nothing : malformed(ofAppointment(items)),
  },
});

const mpidDigits = defineRule({
  code: 'MPID_DIGITS',
  disposition: 'warn',
  stage: 'form',
  items: mpidItems,
  sentence: 'A market participant id is usually of letters only.',
  remedy: 'Nothing, if Market Domain Data has it so; else a 0 stands for an O or a 1 for an I.',
  support: 'Published Market Domain Data: ids with digits exist, and are rare.',
  on: {
    metering_point: ({ items }) => (areLetters(items) ? nothing : withDigits(ofPoint(items))),
    appointment: ({ items }) =>
      isLetters(items.mpid) && isLetters(items.supplier_mpid) ? nothing : withDigits(ofAppointment(items)),
  },
});

export const participantFormRules: readonly Rule[] = [mpidFormat, mpidDigits];
