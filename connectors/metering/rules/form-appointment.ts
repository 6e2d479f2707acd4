import type { Rule } from './contract.ts';
import { isDay } from './days.ts';
import { defineRule, type Finding, finding, nothing } from './define.ts';
import { isoDay, quoted } from './wording.ts';

function atMost(item: string, text: string | null, max: number): readonly Finding[] {
  // Length in UTF-16 units is never below the number of characters: only a suspect is counted exactly.
  if (text === null || text.length <= max) return nothing;
  const characters = Array.from(text).length;
  if (characters <= max) return nothing;
  return finding(item, `${item} ${quoted(text)} has ${characters} characters; at most ${max} are allowed.`);
}

function inOrder(efdItem: string, efd: number | null, etdItem: string, etd: number | null): readonly Finding[] {
  if (!isDay(efd) || !isDay(etd) || etd >= efd) return nothing;
  return finding(etdItem, `${etdItem} ${isoDay(etd)} lies before ${efdItem} ${isoDay(efd)}; both days are inclusive.`);
}

const contractFormat = defineRule({
  code: 'CONTRACT_FORMAT',
  disposition: 'error',
  stage: 'form',
  items: ['contract_reference'],
  sentence: 'A contract reference has at most 10 characters (parameter contractReferenceMax).',
  remedy: 'Correct the reference, or raise contractReferenceMax if the suppliers’ references are longer.',
  support: 'Appointment interface, data catalogue: String 10. Later published samples have 28, hence the parameter.',
  on: {
    appointment: ({ items }, { parameters }) =>
      atMost('contract_reference', items.contract_reference, parameters.contractReferenceMax),
  },
});

const meterIdFormat = defineRule({
  code: 'METER_ID_FORMAT',
  disposition: 'error',
  stage: 'form',
  items: ['meter_id'],
  sentence: 'A meter id has at most 10 characters (parameter meterIdMax).',
  remedy: 'Correct the meter id: it is the serial number on the meter, not the device id.',
  support: 'Appointment interface, data catalogue: Meter ID, String 10.',
  on: {
    appointment: ({ items }, { parameters }) => atMost('meter_id', items.meter_id, parameters.meterIdMax),
  },
});

const dateOrder = defineRule({
  code: 'DATE_ORDER',
  disposition: 'error',
  stage: 'form',
  items: ['metering_service_efd', 'metering_service_etd', 'supplier_efd', 'supplier_etd', 'map_efd', 'map_etd'],
  sentence: 'No period ends before it begins; EFD and ETD on the same day are one day.',
  remedy: 'Correct one of the two dates; what never took effect is deleted, not ended before it began.',
  support: 'Registration flow 2: EFD and ETD are both inclusive.',
  on: {
    appointment: ({ items }) => {
      const service = inOrder(
        'metering_service_efd',
        items.metering_service_efd,
        'metering_service_etd',
        items.metering_service_etd,
      );
      const supplier = inOrder('supplier_efd', items.supplier_efd, 'supplier_etd', items.supplier_etd);
      return supplier.length === 0 ? service : [...service, ...supplier];
    },
    meter_asset: ({ items }) => inOrder('map_efd', items.map_efd, 'map_etd', items.map_etd),
  },
});

export const appointmentFormRules: readonly Rule[] = [contractFormat, meterIdFormat, dateOrder];
