import type { Rule } from './contract.ts';
import { isDay } from './days.ts';
import { defineRule, finding, nothing } from './define.ts';
import { isoDay } from './wording.ts';

const mapDates = defineRule({
  code: 'MAP_DATES',
  disposition: 'error',
  stage: 'record',
  items: ['map_efd', 'installed_on'],
  sentence: 'The meter asset provider’s EFD does not lie before the installation.',
  remedy: 'Correct map_efd or the date of installation.',
  support: 'SECMP0011 minutes, wanted report: installation date and MAP effective from date.',
  on: {
    meter_asset: ({ items }) => {
      const { map_efd: day, installed_on: installed } = items;
      if (!isDay(day) || !isDay(installed) || day >= installed) return nothing;
      return finding('map_efd', `map_efd ${isoDay(day)} lies before installed_on ${isoDay(installed)}.`);
    },
  },
});

export const assetRecordRules: readonly Rule[] = [mapDates];
