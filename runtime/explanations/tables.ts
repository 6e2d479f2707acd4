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
    remedy: `A mirrored column that only became wider (a larger integer, more digits, a longer text) is followed by itself, and so is a new value of an enum. Else alter the column back, as the message says, or map the item to another column in the configuration and start the side again. The new type of a mirrored column can be kept, too: \`concord init\` says which columns of the store are to be altered; once they are, run it again and start both sides again. ${thenResume}`,
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
    code: 'TABLE_REPLACED',
    title: 'Another table has the name of one that is told',
    meaning: `A table was dropped and made anew, or tables were renamed, so that the name means another table by now. Its rows are not taken for those of the old one. ${parked}`,
    remedy:
      'If the new table is the one to go on with, run `concord resume` with its name: what was parked is told, and the table is read as a whole. Rows that only the old one had are no change that the server tells: `concord reconcile --table … --repair` finds and deletes them. Else rename the tables back, and then run `concord resume`.',
  },
  {
    code: 'COLUMN_ADDED',
    title: 'A table has a new column',
    meaning:
      'No item is mapped to it, so it does not travel, and everything goes on. A mirrored table has all columns of its source: the source registers its new schema within seconds, and the store gets the column with the first record that has it. `status` tells of a column only as long as the source does not tell it.',
    remedy:
      'Nothing needs to be done. If `status` tells of it for longer than a minute, the log of the registration side says what stands against it; `concord init` says the same.',
  },
  {
    code: 'TABLE_EVOLVES',
    title: 'A mirrored table was altered, and its schema follows',
    meaning:
      'The source has ended its stream before the first row of the new shape, registers the schema that fits it, and goes on from its last progress record: a second or so in which nothing is told, and nothing is lost.',
    remedy: 'Nothing needs to be done. The log says what has changed, and whether the table is read again.',
  },
  {
    code: 'MIRROR_NOT_PUBLISHED',
    title: 'A table that is to be mirrored is not there, or not published',
    meaning:
      'The configuration names it, and the source has nothing to read: the table does not exist, has no primary key, or is not in the publication. Other tables go on.',
    remedy:
      'Make the table with a primary key and add it to the publication, as the message says. The source looks every few seconds, and reads the table from its first row on; nothing needs to be started again.',
  },
  {
    code: 'TABLE_NOT_CONFIGURED',
    title: 'A table is published that nobody has told us about',
    meaning:
      'Somebody has put a table into our publication, and the configuration has no place for it. Its changes are sent to us and pass by; nobody receives them.',
    remedy:
      'Mirror it, or take it out of the publication, as the message says. A table that is mirrored later is read as a whole then, so that nothing is missing.',
  },
  {
    code: 'TABLE_LOCKED',
    title: 'A published table is locked by somebody for himself',
    meaning:
      'A transaction holds a published table (LOCK TABLE, ALTER TABLE, TRUNCATE, VACUUM FULL) and does not end, and the source, which is just starting, can not see what is published. Nothing is lost; the slot keeps the WAL meanwhile.',
    remedy:
      'Wait, or end the session that the message names: SELECT pg_terminate_backend(pid). It is tried again every few seconds.',
  },
  {
    code: 'MIRROR_TABLE_LOCKED',
    title: 'A table of the store can not be altered, because somebody holds it',
    meaning:
      'The source has a new column or a wider one, and the table of the store must get it before the next record is applied. Somebody reads or writes the table in a transaction that does not end. Nothing is lost; the lanes wait.',
    remedy:
      'Find the session in pg_stat_activity (`SELECT pid, query FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(…))`) and end it, or wait. It is tried again by itself.',
  },
  {
    code: 'COLUMN_TYPE_CHANGED',
    title: 'A column has another type, which its item takes',
    meaning:
      'Everything goes on. A value that does not fit the type of the item travels as text in `invalid`. Values that the statement itself changed (USING) are in no change that the server tells: the source finds that the table was rewritten, and reads it again.',
    remedy:
      'Nothing needs to be done. The log says that the table is read again; `concord reconcile` shows that it was.',
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
