import type { Rule } from './contract.ts';
import { defineRule, type Finding, finding, nothing } from './define.ts';
import { checkDigitOf, firstNonDigit, hasCheckDigit, isMpanFormat, mpanLength } from './mpan.ts';
import { maskedMpan } from './wording.ts';

function ofThirteenDigits(mpan: string | null): readonly Finding[] {
  if (mpan === null || isMpanFormat(mpan)) return nothing;
  const wrongAt = firstNonDigit(mpan);
  const why =
    wrongAt === -1
      ? `it has ${mpan.length} digits`
      : `it has ${mpan.length} characters, and character ${wrongAt + 1} is no digit`;
  return finding('mpan_core', `mpan_core ${maskedMpan(mpan)} is not an MPAN core of ${mpanLength} digits: ${why}.`);
}

function ofRightCheckDigit(mpan: string | null): readonly Finding[] {
  if (mpan === null || !isMpanFormat(mpan) || hasCheckDigit(mpan)) return nothing;
  return finding(
    'mpan_core',
    `mpan_core ${maskedMpan(mpan)} ends in ${mpan.slice(-1)}, but its other digits ask for ${checkDigitOf(mpan)} as check digit.`,
  );
}

const mpanFormat = defineRule({
  code: 'MPAN_FORMAT',
  disposition: 'error',
  stage: 'form',
  items: ['mpan_core'],
  sentence: 'The MPAN core is 13 digits, without spaces.',
  remedy: 'Correct the MPAN core in the registration database; look for spaces, a lost leading zero or a cut value.',
  support: 'Elexon SVA Data Catalogue, MPAN core: distributor (2), unique (10), check digit (1).',
  on: {
    metering_point: (subject) => ofThirteenDigits(subject.items.mpan_core),
    appointment: (subject) => ofThirteenDigits(subject.items.mpan_core),
    meter_asset: (subject) => ofThirteenDigits(subject.items.mpan_core),
  },
});

const mpanCheckDigit = defineRule({
  code: 'MPAN_CHECK_DIGIT',
  disposition: 'error',
  stage: 'form',
  items: ['mpan_core'],
  sentence: 'The last digit of the MPAN core is its check digit.',
  remedy: 'A digit was mistyped or two were swapped: compare with the bill or the distributor’s record and correct it.',
  support: 'Elexon SVA Data Catalogue: weights 3 5 7 13 17 19 23 29 31 37 41 43, modulo 11, modulo 10.',
  on: {
    metering_point: (subject) => ofRightCheckDigit(subject.items.mpan_core),
    appointment: (subject) => ofRightCheckDigit(subject.items.mpan_core),
    meter_asset: (subject) => ofRightCheckDigit(subject.items.mpan_core),
  },
});

export const mpanRules: readonly Rule[] = [mpanFormat, mpanCheckDigit];
