import { appointment, asset, day, point, type RuleExample } from './example-world.ts';

/** Examples of the rules about form. */
export const formExamples: readonly RuleExample[] = [
  point('ITEM_MISSING', 'the optional items are absent', [], {
    load_shape_category: null,
    line_loss_factor: null,
    opt_out: null,
  }),
  point('ITEM_MISSING', 'no supplier EFD', ['ITEM_MISSING'], { supplier_efd: null }),
  point(
    'ITEM_MISSING',
    'a value that can not travel was sent all the same',
    ['ITEM_INVALID'],
    { supplier_efd: null },
    {
      invalid: { supplier_efd: 'infinity' },
    },
  ),
  appointment('ITEM_MISSING', 'an open appointment within an open supply', [], {
    metering_service_etd: null,
    supplier_etd: null,
  }),
  appointment('ITEM_MISSING', 'no MPID and no reason', ['ITEM_MISSING'], { mpid: null, reason: null }),

  point('ITEM_INVALID', 'an ordinary factor', [], { line_loss_factor: 1_000_000 }),
  point(
    'ITEM_INVALID',
    'a factor that is not a number',
    ['ITEM_INVALID'],
    { line_loss_factor: null },
    {
      invalid: { line_loss_factor: 'NaN' },
    },
  ),
  appointment(
    'ITEM_INVALID',
    'an infinite ETD',
    ['ITEM_INVALID'],
    {},
    { invalid: { metering_service_etd: 'infinity' } },
  ),

  appointment('CONTRACT_MISSING', 'a reference of ten characters', [], { contract_reference: 'C-2024-001' }),
  appointment('CONTRACT_MISSING', 'no reference', ['CONTRACT_MISSING'], { contract_reference: null }),
  appointment('CONTRACT_MISSING', 'a blank reference', ['CONTRACT_MISSING'], { contract_reference: '  ' }),

  appointment(
    'METER_ID_MISSING',
    'an unmetered appointment has none',
    [],
    { service_type: 'UMSO', mpid: 'UMSA', meter_id: null },
    {
      point: { market_segment: 'U', connection_type: 'U' },
    },
  ),
  appointment('METER_ID_MISSING', 'a smart appointment without', ['METER_ID_MISSING'], { meter_id: null }),
  appointment('METER_ID_MISSING', 'an advanced appointment without', ['METER_ID_MISSING'], {
    service_type: 'MSA',
    mpid: 'MSAA',
    meter_id: null,
  }),

  appointment('METER_ID_UNMETERED', 'a smart appointment has one', [], {}),
  appointment(
    'METER_ID_UNMETERED',
    'an unmetered appointment of a meter, told instead of ITEM_INVALID',
    ['METER_ID_UNMETERED'],
    { service_type: 'UMSO', mpid: 'UMSA', meter_id: null },
    { invalid: { meter_id: 'E6S1234567' } },
  ),

  point('MPAN_FORMAT', 'thirteen digits', [], {}),
  point('MPAN_FORMAT', 'twelve digits', ['MPAN_FORMAT'], { mpan_core: '131234567890' }),
  appointment('MPAN_FORMAT', 'spaces as on a bill', ['MPAN_FORMAT'], { mpan_core: '13 1234 5678 907' }),
  asset('MPAN_FORMAT', 'a device that is not at a metering point', [], { mpan_core: null }),
  asset('MPAN_FORMAT', 'an empty text', ['MPAN_FORMAT'], { mpan_core: '' }),

  point('MPAN_CHECK_DIGIT', 'the digit that the others ask for', [], { mpan_core: '1312345678907' }),
  point('MPAN_CHECK_DIGIT', 'a sample that was printed wrong', ['MPAN_CHECK_DIGIT'], { mpan_core: '1315001165123' }),
  appointment('MPAN_CHECK_DIGIT', 'digits in order', ['MPAN_CHECK_DIGIT'], { mpan_core: '1234567890123' }),
  asset('MPAN_CHECK_DIGIT', 'a last digit mistyped', ['MPAN_CHECK_DIGIT'], { mpan_core: '2499999999990' }),

  point('MPID_FORMAT', 'four letters', [], { supplier_mpid: 'SUPA' }),
  point('MPID_FORMAT', 'small letters', ['MPID_FORMAT'], { supplier_mpid: 'supa' }),
  appointment('MPID_FORMAT', 'a space behind', ['MPID_FORMAT'], { supplier_mpid: 'SUP ' }),

  point('MPID_DIGITS', 'letters only', [], { supplier_mpid: 'SUPA' }),
  point('MPID_DIGITS', 'a digit is allowed', ['MPID_DIGITS'], { supplier_mpid: 'SUP1' }),
  appointment(
    'MPID_DIGITS',
    'a digit is allowed',
    ['MPID_DIGITS'],
    { supplier_mpid: 'SUP1' },
    { point: { supplier_mpid: 'SUP1' } },
  ),

  point('GSP_GROUP_UNKNOWN', 'the home group of the prefix', [], { gsp_group: '_D' }),
  point('GSP_GROUP_UNKNOWN', 'there is no _I', ['GSP_GROUP_UNKNOWN'], { gsp_group: '_I' }),
  point('SEGMENT_UNKNOWN', 'smart', [], { market_segment: 'S' }),
  point('SEGMENT_UNKNOWN', 'written out', ['SEGMENT_UNKNOWN'], { market_segment: 'Smart' }),
  point('QUANTITY_UNKNOWN', 'export', [], { measurement_quantity: 'AE', load_shape_category: 'S-D-W-AE' }),
  point('QUANTITY_UNKNOWN', 'a unit', ['QUANTITY_UNKNOWN'], { measurement_quantity: 'kWh' }),
  point('CONNECTION_UNKNOWN', 'whole current', [], { connection_type: 'W' }),
  point('CONNECTION_UNKNOWN', 'another letter', ['CONNECTION_UNKNOWN'], { connection_type: 'X' }),
  appointment('SERVICE_TYPE_UNKNOWN', 'smart', [], { service_type: 'MSS' }),
  appointment('SERVICE_TYPE_UNKNOWN', 'a data service', ['SERVICE_TYPE_UNKNOWN'], { service_type: 'SDS' }),
  appointment('REASON_UNKNOWN', 'a new meter', [], { reason: 'NEW' }),
  appointment('REASON_UNKNOWN', 'an unknown reason', ['REASON_UNKNOWN'], { reason: 'XXX' }),

  point('LLF_CLASS_FORMAT', 'letters and digits', [], { line_loss_factor_class: 'G48' }),
  point('LLF_CLASS_FORMAT', 'leading zeros lost', ['LLF_CLASS_FORMAT'], { line_loss_factor_class: '1' }),
  point('LLF_RANGE', 'the upper end', [], { line_loss_factor: 2_000_000 }),
  point('LLF_RANGE', 'a percentage', ['LLF_RANGE'], { line_loss_factor: 105_500_000 }),

  appointment('CONTRACT_FORMAT', 'ten characters', [], { contract_reference: '1234567890' }),
  appointment('CONTRACT_FORMAT', 'eleven characters', ['CONTRACT_FORMAT'], { contract_reference: 'C-2024-0001' }),
  appointment(
    'CONTRACT_FORMAT',
    '28 characters where 28 are allowed',
    [],
    { contract_reference: 'C'.repeat(28) },
    {
      parameters: { contractReferenceMax: 28 },
    },
  ),
  appointment('METER_ID_FORMAT', 'ten characters', [], { meter_id: 'E6S1234567' }),
  appointment('METER_ID_FORMAT', 'a device id', ['METER_ID_FORMAT'], { meter_id: '00-DB-12-34-56-78-90-A0' }),

  appointment('DATE_ORDER', 'a single day', [], { metering_service_etd: day('2024-04-01') }),
  appointment('DATE_ORDER', 'an end before the begin', ['DATE_ORDER'], { metering_service_etd: day('2024-03-31') }),
  appointment('DATE_ORDER', 'a supply that ends before it begins', ['DATE_ORDER'], { supplier_etd: day('2024-03-31') }),
  asset('DATE_ORDER', 'a MAP for one day', [], { map_etd: day('2022-05-16') }),
  asset('DATE_ORDER', 'a MAP that ends before it begins', ['DATE_ORDER'], { map_etd: day('2022-05-15') }),

  asset('DEVICE_ID_FORMAT', 'eight pairs', [], { device_id: 'FF-FE-12-34-56-78-90-A0' }),
  asset('DEVICE_ID_FORMAT', 'small letters', ['DEVICE_ID_FORMAT'], { device_id: '00-db-12-34-56-78-90-a0' }),
  asset('UPRN_FORMAT', 'not known', [], { uprn: null }),
  asset('UPRN_FORMAT', 'a letter', ['UPRN_FORMAT'], { uprn: 'U10012345' }),
  asset('POSTCODE_FORMAT', 'without a space', [], { postcode: 'EH93JZ' }),
  asset('POSTCODE_FORMAT', 'the one exception', [], { postcode: 'GIR 0AA' }),
  asset('POSTCODE_FORMAT', 'cut short', ['POSTCODE_FORMAT'], { postcode: 'EH9' }),
];
