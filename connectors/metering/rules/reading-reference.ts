/** Rules that look at reference data: what they refuse may be right when newer reference data comes. */
export const codesReadingReference: readonly string[] = [
  'MPAN_PREFIX',
  'GSP_GROUP_DISTRIBUTOR',
  'DISTRIBUTOR_MISMATCH',
  'PARTICIPANT_UNKNOWN',
  'PARTICIPANT_ROLE_INACTIVE',
  'MAP_UNKNOWN',
  'MAP_INACTIVE',
];
