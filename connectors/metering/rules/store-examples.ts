import { acceptedAppointment, appointment, day, type RuleExample, point } from './example-world.ts';

const untilMarch = acceptedAppointment(1, '2023-01-01', '2024-03-31');
const throughEaster = acceptedAppointment(1, '2023-01-01', '2024-04-01');
const fromApril = acceptedAppointment(7, '2024-04-01', null);

/** Examples of the rules against the store and across flows. */
export const storeExamples: readonly RuleExample[] = [
  appointment('APPOINTMENT_OVERLAP', 'from the day after the other ends', [], {}, { appointments: [untilMarch] }),
  appointment(
    'APPOINTMENT_OVERLAP',
    'from the other’s last day',
    ['APPOINTMENT_OVERLAP'],
    {},
    { appointments: [throughEaster] },
  ),
  appointment(
    'APPOINTMENT_OVERLAP',
    'its own earlier content is no other',
    [],
    { meter_id: 'E6S7654321' },
    {
      recordType: 'update',
      previous: {},
      appointments: [fromApril],
    },
  ),

  appointment('APPOINTMENT_GAP', 'no day between', [], {}, { appointments: [untilMarch] }),
  appointment(
    'APPOINTMENT_GAP',
    'a day without a service',
    ['APPOINTMENT_GAP'],
    {},
    {
      appointments: [acceptedAppointment(1, '2023-01-01', '2024-03-30')],
    },
  ),
  appointment(
    'APPOINTMENT_GAP',
    'the one in the middle is deleted',
    ['APPOINTMENT_GAP'],
    { metering_service_etd: day('2024-04-30') },
    {
      recordType: 'delete',
      appointments: [
        untilMarch,
        acceptedAppointment(7, '2024-04-01', '2024-04-30'),
        acceptedAppointment(9, '2024-05-01', null),
      ],
    },
  ),

  appointment(
    'DEAPPOINTMENT_UNKNOWN',
    'it is in the store',
    [],
    {},
    { recordType: 'delete', appointments: [fromApril] },
  ),
  appointment(
    'DEAPPOINTMENT_UNKNOWN',
    'it was rejected or is held',
    [],
    {},
    { recordType: 'delete', lastEventOpen: true },
  ),
  appointment('DEAPPOINTMENT_UNKNOWN', 'nothing to end', ['DEAPPOINTMENT_UNKNOWN'], {}, { recordType: 'delete' }),

  appointment('METERING_POINT_UNKNOWN', 'Flow 1 knows it', [], {}),
  appointment('METERING_POINT_UNKNOWN', 'Flow 1 does not', ['METERING_POINT_UNKNOWN'], {}, { point: null }),
  appointment(
    'METERING_POINT_UNKNOWN',
    'a cascade deleted the metering point first',
    [],
    {},
    {
      recordType: 'delete',
      point: null,
      appointments: [fromApril],
    },
  ),

  appointment('SUPPLIER_MISMATCH', 'the supplier of Flow 1', [], {}),
  appointment(
    'SUPPLIER_MISMATCH',
    'another supplier in Flow 1',
    ['SUPPLIER_MISMATCH'],
    {},
    { point: { supplier_mpid: 'SUP1' } },
  ),
  appointment(
    'SUPPLIER_MISMATCH',
    'Flow 1’s supplier begins later: there is nothing to compare with',
    [],
    {},
    {
      point: { supplier_efd: day('2024-04-02') },
    },
  ),
  appointment(
    'SUPPLIER_MISMATCH',
    'the same supplier since another day',
    ['SUPPLIER_MISMATCH'],
    {},
    {
      point: { supplier_efd: day('2024-03-31') },
    },
  ),

  appointment('SEGMENT_TARGET', 'smart to the smart service', [], {}),
  appointment(
    'SEGMENT_TARGET',
    'advanced to the smart service',
    ['SEGMENT_TARGET'],
    {},
    { point: { market_segment: 'A' } },
  ),

  point(
    'DELETE_WITH_LIVE_APPOINTMENT',
    'the appointment ended yesterday',
    [],
    {},
    {
      recordType: 'delete',
      today: '2024-04-01',
      appointments: [untilMarch],
    },
  ),
  point(
    'DELETE_WITH_LIVE_APPOINTMENT',
    'the appointment ends today',
    ['DELETE_WITH_LIVE_APPOINTMENT'],
    {},
    {
      recordType: 'delete',
      today: '2024-04-01',
      appointments: [throughEaster],
    },
  ),
  point(
    'DELETE_WITH_LIVE_APPOINTMENT',
    'the appointment is open',
    ['DELETE_WITH_LIVE_APPOINTMENT'],
    {},
    {
      recordType: 'delete',
      appointments: [fromApril],
    },
  ),

  point('SERVICE_MISMATCH', 'the service that is appointed', [], {}, { appointments: [fromApril] }),
  point('SERVICE_MISMATCH', 'nobody is appointed on that day', [], {}, { appointments: [untilMarch] }),
  point(
    'SERVICE_MISMATCH',
    'another is appointed',
    ['SERVICE_MISMATCH'],
    {},
    {
      appointments: [acceptedAppointment(7, '2024-04-01', null, { mpid: 'MSAA' })],
    },
  ),
];
