import type { Rule } from './contract.ts';
import { defineRule, type Finding, finding, nothing } from './define.ts';
import { quoted } from './wording.ts';

const deviceId = /^(?:[0-9A-F]{2}-){7}[0-9A-F]{2}$/;
const uprn = /^[0-9]{1,12}$/;
const postcode = /^(?:[A-Z]{1,2}[0-9][0-9A-Z]?\s?[0-9][ABD-HJLNP-UW-Z]{2}|GIR 0AA)$/;

function shaped(item: string, text: string | null, shape: RegExp, wanted: string): readonly Finding[] {
  if (text === null || shape.test(text)) return nothing;
  return finding(item, `${item} is ${quoted(text)}: it must be ${wanted}.`);
}

const deviceIdFormat = defineRule({
  code: 'DEVICE_ID_FORMAT',
  disposition: 'error',
  stage: 'form',
  items: ['device_id'],
  sentence: 'A device id is an EUI-64: eight pairs of capital hexadecimal digits with hyphens between.',
  remedy: 'Correct the device id; look for small letters, colons and missing pairs.',
  support: 'Smart Energy Code device ids (EUI-64).',
  on: {
    meter_asset: ({ items }) =>
      shaped('device_id', items.device_id, deviceId, 'eight pairs of 0–9 and A–F, such as 00-DB-12-34-56-78-90-A0'),
  },
});

const uprnFormat = defineRule({
  code: 'UPRN_FORMAT',
  disposition: 'error',
  stage: 'form',
  items: ['uprn'],
  sentence: 'A UPRN is 1 to 12 digits.',
  remedy: 'Correct the UPRN, or set it to NULL until it is known.',
  support: 'Unique Property Reference Number, at most 12 digits.',
  on: { meter_asset: ({ items }) => shaped('uprn', items.uprn, uprn, '1 to 12 digits') },
});

const postcodeFormat = defineRule({
  code: 'POSTCODE_FORMAT',
  disposition: 'error',
  stage: 'form',
  items: ['postcode'],
  sentence: 'A postcode has the form of a British postcode, in capitals.',
  remedy: 'Correct the postcode, or set it to NULL until it is known.',
  support: 'Form of British postcodes; GIR 0AA is the one exception.',
  on: {
    meter_asset: ({ items }) => shaped('postcode', items.postcode, postcode, 'a British postcode, such as EH9 3JZ'),
  },
});

export const assetFormRules: readonly Rule[] = [deviceIdFormat, uprnFormat, postcodeFormat];
