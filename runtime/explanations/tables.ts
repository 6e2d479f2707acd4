import type { Explanation } from './explanation.ts';

const parked =
  'The table is parked: from that position on its changes are kept, raw, on the parked topic, and nothing of them is lost. Other tables go on. Receivers see the table as it was.';
const thenResume =
  'Then run `concord resume` with the table: what was parked is told in its order, and the table goes on. `concord schemas plan-ddl` says beforehand what a statement would do.';

/** Tables whose shape changes, and tables that are paused. */
export const tableExplanations: readonly Explanation[] = [
  {
    code: 'COLUMN_TYPE_UNSUITABLE',
    title: 'A column has a type that its item can not take',
    meaning: `The item has an Avro type, and no value of the column's type would fit it; or the table is mirrored, and the store's column does not take every value of the new type. ${parked}`,
    remedy: `Alter the column back, as the message says, or map the item to another column in the configuration and start the side again. The new type of a mirrored column can be kept, too: \`concord init\` says which columns of the store are to be altered; once they are, run it again and start both sides again. ${thenResume}`,
  },
  {
    code: 'COLUMN_DROPPED',
    title: 'A column that is mapped was dropped',
    meaning: `Where its item is optional, it is empty from there on and everything goes on. Where it is needed, every event would be an error. ${parked}`,
    remedy: `Add the column again and fill it, or map its item to another column in the configuration and start the side again. ${thenResume} Rows that changed meanwhile are read again by themselves.`,
  },
  {
    code: 'COLUMN_RENAMED',
    title: 'A column that is mapped has another name',
    meaning: `The values are there, but under a name that the configuration does not know, so that an item would vanish silently. ${parked}`,
    remedy: `Rename it back, or map the item to the new name in the configuration and start the side again. ${thenResume}`,
  },
  {
    code: 'TABLE_RENAMED',
    title: 'A table that is mapped has another name',
    meaning: `Its changes come under a name that the configuration does not know. ${parked}`,
    remedy: `Rename it back, or give the new name in the configuration, start the side again and run \`concord init\`. ${thenResume}`,
  },
  {
    code: 'COLUMN_ADDED',
    title: 'A table has a new column',
    meaning:
      'No item is mapped to it, so it does not travel, and everything goes on. A mirrored table is to have all columns of its source, so `status` tells of it as long as the source that runs does not know the column.',
    remedy:
      'For a table of the flows nothing needs to be done. For a mirrored table run `concord init`, start the metering side again, then the registration side, and run `concord snapshot` with the table: it brings what rows have in the column by now.',
  },
  {
    code: 'COLUMN_TYPE_CHANGED',
    title: 'A column has another type, which its item takes',
    meaning:
      'Everything goes on. A value that does not fit the type of the item travels as text in `invalid`. Values that the statement itself changed (USING) are in no change that the server tells.',
    remedy:
      'If the statement changed values, run `concord snapshot` with the table; `concord reconcile` shows whether it is needed.',
  },
  {
    code: 'TABLE_PAUSED',
    title: 'A table is paused',
    meaning:
      'Somebody asked for it with `concord pause`. Its changes are kept on the parked topic and take room there; they keep no WAL. Receivers see the table as it was, and reconcile shows what they lack.',
    remedy: 'Run `concord resume` with the table when it is to go on.',
  },
  {
    code: 'STATEMENT_REFUSED',
    title: 'PostgreSQL does not accept a statement that was to be planned',
    meaning:
      'It was tried on an empty copy of the table, in a transaction that was rolled back. Foreign keys and triggers are not copied, so a statement about them is refused although the table would take it; they do not change what travels.',
    remedy: 'Correct the statement, or plan only the part of it that changes columns.',
  },
  {
    code: 'SIDE_PAUSED',
    title: 'A side is paused',
    meaning:
      'Somebody asked for it with `concord pause`. Neither of its connectors runs; it stays so over restarts. The slot makes its database server keep all WAL from there on: `status` shows how much, how fast that grows, and when the server gives the slot up, where `max_slot_wal_keep_size` sets a limit. The probe of both sides is red, because nothing passes.',
    remedy: 'Run `concord resume` with the name of the side before the WAL is a danger.',
  },
  {
    code: 'RECORDS_LOST',
    title: 'Parked changes were deleted on the topic',
    meaning:
      'The parked topic begins behind a change that has not been told yet. Somebody deleted records there, or shortened its retention. The table stays parked, so that nothing is lost silently.',
    remedy:
      'Find out who deleted them, and set the retention with `concord topics apply`. The table can only be brought into agreement by a new generation: stop the source, drop its slot, and run `concord snapshot --heal` with the name of the source.',
  },
];
