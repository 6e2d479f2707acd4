import type { Rule } from './contract.ts';
import { defineRule, finding, nothing } from './define.ts';
import { quoted } from './wording.ts';

const millionths = 1_000_000;

function isClass(text: string): boolean {
  if (text.length !== 3) return false;
  for (let at = 0; at < 3; at++) {
    const code = text.charCodeAt(at);
    if (!((code >= 48 && code <= 57) || (code >= 65 && code <= 90))) return false;
  }
  return true;
}

const classFormat = defineRule({
  code: 'LLF_CLASS_FORMAT',
  disposition: 'error',
  stage: 'form',
  items: ['line_loss_factor_class'],
  sentence: 'The line loss factor class is three characters, each a capital letter or a digit; leading zeros count.',
  remedy: 'Correct the class; a spreadsheet that took 001 for a number left a 1.',
  support: 'Elexon SVA Data Catalogue, Line Loss Factor Class Id, CHAR(3).',
  on: {
    metering_point: ({ items }) => {
      const text = items.line_loss_factor_class;
      if (text === null || isClass(text)) return nothing;
      return finding(
        'line_loss_factor_class',
        `line_loss_factor_class is ${quoted(text)}: it must be three of A–Z and 0–9, such as 001 or G48.`,
      );
    },
  },
});

const range = defineRule({
  code: 'LLF_RANGE',
  disposition: 'warn',
  stage: 'form',
  items: ['line_loss_factor'],
  sentence: 'The line loss factor lies within the usual range (0.5 to 2.0 unless configured otherwise).',
  remedy: 'Check the factor with the distributor: a percentage or a shifted decimal point are the usual causes.',
  support: 'Assumption: published line loss factors lie around 0.9 to 1.2.',
  on: {
    metering_point: ({ items }, { parameters }) => {
      const factor = items.line_loss_factor;
      if (factor === null) return nothing;
      const { lineLossFactorMin: min, lineLossFactorMax: max } = parameters;
      if (factor >= Math.round(min * millionths) && factor <= Math.round(max * millionths)) return nothing;
      return finding('line_loss_factor', `line_loss_factor ${factor / millionths} is not between ${min} and ${max}.`);
    },
  },
});

export const lineLossRules: readonly Rule[] = [classFormat, range];
