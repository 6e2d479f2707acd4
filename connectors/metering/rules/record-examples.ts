import { appointment, asset, day, point, type RuleExample } from './example-world.ts';

const unmetered = { market_segment: 'U', connection_type: 'U', load_shape_category: 'U-D-U-AI' };
const later = { metering_service_efd: day('2024-05-01'), reason: 'CSP' };

/** Examples of the rules within the record. */
export const recordExamples: readonly RuleExample[] = [
  point('SEGMENT_CONNECTION', 'unmetered and unmetered', [], unmetered),
  point('SEGMENT_CONNECTION', 'advanced on whole current', [], {
    market_segment: 'A',
    load_shape_category: 'A-D-W-AI',
  }),
  point('SEGMENT_CONNECTION', 'smart with a current transformer', ['SEGMENT_CONNECTION'], {
    connection_type: 'L',
    load_shape_category: 'S-D-L-AI',
  }),
  point('SEGMENT_CONNECTION', 'unmetered on whole current', ['SEGMENT_CONNECTION'], {
    market_segment: 'U',
    load_shape_category: 'U-D-W-AI',
  }),
  point('LOAD_SHAPE_INCONSISTENT', 'not given', [], { load_shape_category: null }),
  point('LOAD_SHAPE_INCONSISTENT', 'domestic in one, not in the other', ['LOAD_SHAPE_INCONSISTENT'], {
    domestic: false,
  }),

  appointment('SERVICE_BEFORE_SUPPLIER', 'on the same day', [], {}),
  appointment('SERVICE_BEFORE_SUPPLIER', 'the day before', ['SERVICE_BEFORE_SUPPLIER'], {
    metering_service_efd: day('2024-03-31'),
  }),
  appointment('SERVICE_OUTSIDE_SUPPLIER', 'both end on the same day', [], {
    metering_service_etd: day('2024-06-30'),
    supplier_etd: day('2024-06-30'),
  }),
  appointment('SERVICE_OUTSIDE_SUPPLIER', 'begins after the supplier has ended', ['SERVICE_OUTSIDE_SUPPLIER'], {
    metering_service_efd: day('2024-04-11'),
    supplier_etd: day('2024-04-10'),
  }),
  appointment('SERVICE_OUTSIDE_SUPPLIER', 'ends after the supplier has ended', ['SERVICE_OUTSIDE_SUPPLIER'], {
    metering_service_etd: day('2024-07-01'),
    supplier_etd: day('2024-06-30'),
  }),

  appointment('COS_AFTER_SUPPLY_START', 'comes on the supplier EFD', [], {}, { today: '2024-04-01' }),
  appointment('COS_AFTER_SUPPLY_START', 'comes a day late', ['COS_AFTER_SUPPLY_START'], {}, { today: '2024-04-02' }),
  appointment(
    'COS_AFTER_SUPPLY_START',
    'late as a change of service provider',
    [],
    { reason: 'CSP' },
    { today: '2024-04-02' },
  ),
  appointment('COS_AFTER_SUPPLY_START', 'history is not refused', [], {}, { today: '2024-04-02', recordType: 'read' }),
  appointment(
    'COS_AFTER_SUPPLY_START',
    'an update of something else',
    [],
    { meter_id: 'E6S7654321' },
    {
      today: '2024-04-02',
      recordType: 'update',
      previous: {},
    },
  ),
  appointment(
    'COS_AFTER_SUPPLY_START',
    'an update of the reason',
    ['COS_AFTER_SUPPLY_START'],
    {},
    {
      today: '2024-04-02',
      recordType: 'update',
      previous: { reason: 'CSP' },
    },
  ),

  appointment('EFD_TOO_FAR', 'exactly 28 days ahead', [], later, { today: '2024-04-03' }),
  appointment('EFD_TOO_FAR', '29 days ahead', ['EFD_TOO_FAR'], later, { today: '2024-04-02' }),
  appointment('EFD_TOO_FAR', '29 days ahead where 60 are allowed', [], later, {
    today: '2024-04-02',
    parameters: { efdDaysAheadMax: 60 },
  }),

  asset('MAP_DATES', 'from the day of installation', [], { map_efd: day('2022-05-16') }),
  asset('MAP_DATES', 'the day before the installation', ['MAP_DATES'], { map_efd: day('2022-05-15') }),
];
