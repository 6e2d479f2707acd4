import { appointment, asset, day, point, type RuleExample } from './example-world.ts';

const contracts = { SUPA: [{ reference: 'C-2024-001', from: day('2024-01-01'), to: day('2024-12-31') }] };
const oldDates = {
  supplier_efd: day('2014-12-01'),
  data_service_efd: day('2015-01-01'),
  metering_service_efd: day('2015-01-01'),
};

/** Examples of the rules against reference data at a date. */
export const referenceExamples: readonly RuleExample[] = [
  point('MPAN_PREFIX', 'a distributor’s prefix', [], {}),
  point('MPAN_PREFIX', 'all zeros pass the check digit, and are nobody’s', ['MPAN_PREFIX'], {
    mpan_core: '0000000000000',
  }),
  point(
    'MPAN_PREFIX',
    'a distributor that ended before the latest of the three EFDs',
    ['MPAN_PREFIX', 'PARTICIPANT_ROLE_INACTIVE'],
    { mpan_core: '2812345678902', distributor_mpid: 'EDFI', gsp_group: '_C', ...oldDates, supplier_mpid: 'OLDS' },
  ),
  appointment('MPAN_PREFIX', 'a prefix that nobody has', ['MPAN_PREFIX'], { mpan_core: '9912345678906' }),

  point(
    'WRONG_REGISTRATION_SERVICE',
    'a prefix that the sender owns',
    [],
    {},
    {
      parameters: { registrationServices: { REGS: ['13'], REGN: ['12'] } },
    },
  ),
  point(
    'WRONG_REGISTRATION_SERVICE',
    'a prefix of another',
    ['WRONG_REGISTRATION_SERVICE'],
    {},
    {
      parameters: { registrationServices: { REGS: ['12'], REGN: ['13'] } },
    },
  ),
  appointment(
    'WRONG_REGISTRATION_SERVICE',
    'a sender that is not configured',
    ['WRONG_REGISTRATION_SERVICE'],
    {},
    {
      senderId: 'REGX',
    },
  ),

  point('GSP_GROUP_DISTRIBUTOR', 'the other group of a distributor with two', [], {
    mpan_core: '1712345678905',
    distributor_mpid: 'HYDE',
    gsp_group: '_N',
  }),
  point('GSP_GROUP_DISTRIBUTOR', 'a group in which it does not work', ['GSP_GROUP_DISTRIBUTOR'], { gsp_group: '_A' }),

  point('DISTRIBUTOR_MISMATCH', 'the owner of the prefix', [], { distributor_mpid: 'MANW' }),
  point('DISTRIBUTOR_MISMATCH', 'another distributor', ['DISTRIBUTOR_MISMATCH'], { distributor_mpid: 'LOND' }),

  point('PARTICIPANT_UNKNOWN', 'all four are known', [], {}),
  point('PARTICIPANT_UNKNOWN', 'a data service of which nothing is known yet', ['PARTICIPANT_UNKNOWN'], {
    data_service_mpid: 'DATZ',
  }),
  point('PARTICIPANT_UNKNOWN', 'a supplier is no data service', ['PARTICIPANT_UNKNOWN'], { data_service_mpid: 'SUPA' }),
  appointment('PARTICIPANT_UNKNOWN', 'a metering service of which nothing is known yet', ['PARTICIPANT_UNKNOWN'], {
    mpid: 'MSVX',
  }),

  point('PARTICIPANT_ROLE_INACTIVE', 'the last day of the role', [], {
    supplier_mpid: 'OLDS',
    supplier_efd: day('2019-12-31'),
  }),
  point('PARTICIPANT_ROLE_INACTIVE', 'the day after', ['PARTICIPANT_ROLE_INACTIVE'], {
    supplier_mpid: 'OLDS',
    supplier_efd: day('2020-01-01'),
  }),
  appointment('PARTICIPANT_ROLE_INACTIVE', 'a supplier that is to come', ['PARTICIPANT_ROLE_INACTIVE'], {
    supplier_mpid: 'NEWS',
  }),

  appointment('NOT_ADDRESSEE', 'as the kind that it plays', [], { service_type: 'MSS', mpid: 'MSVA' }),
  appointment('NOT_ADDRESSEE', 'our advanced service, appointed as smart', ['NOT_ADDRESSEE'], {
    service_type: 'MSS',
    mpid: 'MSAA',
  }),
  appointment('NOT_ADDRESSEE', 'another known metering service: the record is not ours', [], { mpid: 'MSVZ' }),

  appointment('CONTRACT_UNKNOWN', 'no list is configured', [], { contract_reference: 'ANY' }),
  appointment('CONTRACT_UNKNOWN', 'live on the EFD', [], {}, { parameters: { contracts } }),
  appointment(
    'CONTRACT_UNKNOWN',
    'not on the list',
    ['CONTRACT_UNKNOWN'],
    { contract_reference: 'C-2024-002' },
    { parameters: { contracts } },
  ),
  appointment(
    'CONTRACT_UNKNOWN',
    'ended before the EFD',
    ['CONTRACT_UNKNOWN'],
    { metering_service_efd: day('2025-01-01') },
    { parameters: { contracts }, today: '2025-01-01', recordType: 'read' },
  ),

  asset('MAP_UNKNOWN', 'a known provider', [], { map_mpid: 'MAPA' }),
  asset('MAP_UNKNOWN', 'a provider of which nothing is known yet', ['MAP_UNKNOWN'], { map_mpid: 'MAPZ' }),
  asset('MAP_INACTIVE', 'no date to judge it at', [], { map_mpid: 'MAPO', map_efd: null }),
  asset('MAP_INACTIVE', 'a provider that has ended', ['MAP_INACTIVE'], { map_mpid: 'MAPO' }),
];
