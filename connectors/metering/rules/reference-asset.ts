import type { Rule } from './contract.ts';
import { isDay } from './days.ts';
import { defineRule, finding, nothing } from './define.ts';
import { isoDay, quoted } from './wording.ts';

const mapUnknown = defineRule({
  code: 'MAP_UNKNOWN',
  disposition: 'hold',
  stage: 'reference',
  items: ['map_mpid'],
  sentence: 'The meter asset provider has held its role at some time, as far as reference data says.',
  remedy:
    'Nothing, if newer reference data will name the provider: the asset is judged again when it comes. Else correct map_mpid.',
  support: 'SECMP0011 minutes: the lists of meter asset provider ids are outdated and lag behind the business.',
  on: {
    meter_asset: ({ items }, { reference, parameters }) => {
      const { map } = parameters.roles;
      if (items.map_mpid === null || reference.everHeld(items.map_mpid, map)) return nothing;
      return finding(
        'map_mpid',
        `map_mpid ${quoted(items.map_mpid)} is not known in role ${quoted(map)} to the reference data.`,
      );
    },
  },
});

const mapInactive = defineRule({
  code: 'MAP_INACTIVE',
  disposition: 'error',
  stage: 'reference',
  items: ['map_mpid', 'map_efd'],
  sentence: 'A meter asset provider that reference data knows holds its role at the MAP’s EFD.',
  remedy: 'Correct map_mpid or map_efd: the provider may have been renamed or taken over before that date.',
  support: 'SECMP0011 minutes: many of the listed providers no longer exist.',
  on: {
    meter_asset: ({ items }, { reference, parameters }) => {
      const { map_mpid: mpid, map_efd: day } = items;
      const { map } = parameters.roles;
      if (mpid === null || !isDay(day) || reference.holdsAt(mpid, map, day) || !reference.everHeld(mpid, map)) {
        return nothing;
      }
      return finding('map_mpid', `map_mpid ${quoted(mpid)} does not hold role ${quoted(map)} on ${isoDay(day)}.`);
    },
  },
});

export const assetReferenceRules: readonly Rule[] = [mapUnknown, mapInactive];
