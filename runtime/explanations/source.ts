import type { Explanation } from './explanation.ts';

/** What happened in the gap can not be had any more, but all that is there now can, and so can what is gone. */
const healIt =
  'When this is the database to go on with, run `concord snapshot --heal` with the name of the source: it begins a new generation with a new slot, tells as deletes what receivers have and the database has not, puts a gap record on the progress topic, and the source reads all its tables again. `--plan` only shows what is broken.';

/** From the WAL to the topics: server, slot, publication, tables. */
export const sourceExplanations: readonly Explanation[] = [
  {
    code: 'VALUE_TOO_LARGE',
    title: 'A value is too large for a record',
    meaning:
      'The row would make a record above the limit of its topic (8 MiB), so its largest values were left out, and the pipe goes on. The event names them in `invalid`. A mirrored table has NULL there and names the column in `unsent`; an event of the flows is refused, and the last good version stays. `concord reconcile` counts such rows as explained (`unsent`); `status` tells it as a problem for a quarter of an hour.',
    remedy:
      'Keep such values elsewhere (an object store) and a reference in the table, or shorten them: the next change of the row is sent as a whole.',
  },
  {
    code: 'SLOT_NOT_MADE',
    title: 'The replication slot does not exist yet',
    meaning: 'The source was started before its database was prepared. Nothing was captured, so nothing is lost.',
    remedy: 'Run `concord init`.',
  },
  {
    code: 'SLOT_MISSING',
    title: 'The replication slot is gone',
    meaning:
      'Changes were captured before, and somebody dropped the slot since: what was changed from then on is no longer held for us. Going on would lose it silently.',
    remedy: `Find out who dropped it. Do not make a slot of that name by hand: it would begin too late. ${healIt}`,
  },
  {
    code: 'SLOT_LOST',
    title: 'The server has removed WAL that the slot needed',
    meaning:
      'The source was away or slow for longer than `max_slot_wal_keep_size` or `idle_replication_slot_timeout` allows, and the server gave the slot up. Changes are missing.',
    remedy: `Raise max_slot_wal_keep_size, so that it does not happen again. ${healIt}`,
  },
  {
    code: 'SLOT_GIVEN_UP',
    title: 'The slot was given up before a disk was full',
    meaning:
      'The WAL that the database kept for the slot passed `limits.retainedWalMaxBytes`, and the source dropped the slot on purpose, as it was told to. The database is safe; what was changed since the named position was not captured.',
    remedy: `Find out why the source did not keep up (Kafka away, the process stopped, a transaction that is open for days). ${healIt}`,
  },
  {
    code: 'WAL_BUDGET_EXCEEDED',
    title: 'The database keeps much WAL for our slot',
    meaning:
      'More than `limits.retainedWalWarnBytes`. Nothing is lost, but the disk of the database fills for as long as the source does not catch up, or as a transaction is open that began long ago.',
    remedy:
      'See what else `concord status` tells of that source, and pg_stat_activity for old transactions. To protect the disk whatever happens, set max_slot_wal_keep_size, or `limits.retainedWalMaxBytes`: both mean that the slot is given up some day.',
  },
  {
    code: 'WAL_RUNNING_OUT',
    title: 'The slot will soon be given up',
    meaning:
      'At the rate at which the retained WAL grows, the server (max_slot_wal_keep_size) or we (`limits.retainedWalMaxBytes`) give the slot up within the hour, or it is beyond its limit already. Changes would then be lost to us, and all tables must be read again.',
    remedy:
      'Let the source catch up now: see what else `concord status` tells of it. If it can not, raise the limit while the disk has room: ALTER SYSTEM SET max_slot_wal_keep_size, then SELECT pg_reload_conf().',
  },
  {
    code: 'SLOT_IN_USE',
    title: 'Another connection streams from our slot',
    meaning:
      'Either another instance of this source runs, or the server has not noticed yet that the last connection is dead.',
    remedy:
      'Wait: it is tried again. If it lasts for minutes, stop the other instance; a connection that is dead is ended by SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots, with the name of the slot as the condition.',
  },
  {
    code: 'SLOT_UNSUITABLE',
    title: 'The slot of that name belongs to something else',
    meaning: 'Its plugin is not pgoutput, or it is one of another database on the same server.',
    remedy: 'Configure another name under `slot`, and run `concord init`.',
  },
  {
    code: 'SLOT_AHEAD_OF_CHECKPOINT',
    title: 'The slot was moved past our last checkpoint',
    meaning:
      'The slot is confirmed to a position that we never published: it was dropped and made anew, or advanced by hand. What lies between was never sent.',
    remedy: `If the checkpoint is old because the wrong Kafka cluster is configured, correct \`kafka.brokers\`. ${healIt}`,
  },
  {
    code: 'SYSTEM_CHANGED',
    title: 'The database is another one than before',
    meaning:
      'The server identifies itself differently from the one that was streamed from. Its positions mean something else, so they can not be compared.',
    remedy: `If the wrong server is configured, correct \`database.url\`. ${healIt}`,
  },
  {
    code: 'DATABASE_CHANGED',
    title: 'The URL leads to another database of the same server',
    meaning:
      'The slot that was streamed from belongs to another database of this server. What was published describes that one, and nothing is known of the changes of this one.',
    remedy: `If the wrong database is configured, correct \`database.url\`. Else drop the slot in the old database. ${healIt}`,
  },
  {
    code: 'TIMELINE_CHANGED',
    title: 'The database server was promoted or restored',
    meaning:
      'It is on another timeline than the one that was streamed from. A standby that lagged, or a backup, does not hold all that we have published already.',
    remedy: `If the old primary still exists, connect to it. ${healIt}`,
  },
  {
    code: 'HISTORY_REWOUND',
    title: 'The database was restored to an earlier state',
    meaning:
      'The heartbeat row is older than the one that was streamed before. What was published after that state never happened in this history.',
    remedy: `If the restored database is not the one to go on with, connect to the right one. ${healIt}`,
  },
  {
    code: 'PROGRESS_LOST',
    title: 'The progress topic was lost',
    meaning:
      'The database remembers that this source has published, and the progress topic has no record of it. Without the checkpoint nobody knows what is on the topics: going on would publish changes twice or leave some out.',
    remedy: `If the wrong Kafka cluster or another \`name\` is configured, correct that. ${healIt}`,
  },
  {
    code: 'PROGRESS_BEHIND',
    title: 'The progress topic is older than what was reached',
    meaning:
      'The database remembers a later position than the newest progress record: Kafka lost its newest records, or was restored to an earlier state. The events that went with them may be lost, too.',
    remedy: `If the wrong Kafka cluster is configured, correct \`kafka.brokers\`. ${healIt}`,
  },
  {
    code: 'PROGRESS_AHEAD_OF_SERVER',
    title: 'The progress topic is newer than the database',
    meaning:
      "The checkpoint lies beyond the end of the server's WAL. The server was restored to an earlier state or lost its last changes, and what was published after that never happened in this history.",
    remedy: `If the restored database is not the one to go on with, connect to the right one. ${healIt}`,
  },
  {
    code: 'HEAL_OVERTAKEN',
    title: 'Somebody else published while a gap was being healed',
    meaning: 'The checkpoint is another one than at the beginning, so what was compared is old. Nothing was told.',
    remedy: 'Make sure that only one source of that name runs, and run `concord snapshot --heal` again.',
  },
  {
    code: 'PUBLICATION_CHANGED',
    title: 'The publication was changed in the middle of a large transaction',
    meaning:
      'Half of the transaction is on the topics. With other tables published its events are counted differently, so the rest can not be told from what was sent.',
    remedy: `Change the publication back to what it was, and start the source again: it then goes on. ${healIt}`,
  },
  {
    code: 'PUBLICATION_MISSING',
    title: 'The publication does not exist',
    meaning: 'Without it the server does not know which tables to send.',
    remedy:
      'Run `concord init`. If it existed before and was dropped, find out by whom: changes made without it are not sent.',
  },
  {
    code: 'PUBLICATION_OPTIONS',
    title: 'The publication does not send all changes',
    meaning:
      'It leaves inserts, updates, deletes or truncates out, has a row filter, or sends the changes of partitions under their own names (publish_via_partition_root is off). What it leaves out is not captured, and nothing else would say so.',
    remedy:
      'Run `concord init`, which sets the options (a row filter must be removed by hand, the text has the statements). What was missed meanwhile is found by `concord reconcile` and read with `concord snapshot`.',
  },
  {
    code: 'TABLE_NOT_PUBLISHED',
    title: 'A table is not in the publication',
    meaning: 'Its changes are not sent, although the configuration maps it.',
    remedy: 'Run `concord init`, which adds it.',
  },
  {
    code: 'REPLICATION_ENDED',
    title: 'The server ended the replication stream',
    meaning: 'It was stopped or restarted, or an administrator ended the connection. Nothing is lost.',
    remedy: 'Nothing: the stream is opened again by itself.',
  },
  {
    code: 'REPLICATION_STALLED',
    title: 'The replication connection was open and nothing passed',
    meaning:
      'The server was asked for an answer and gave none for `limits.silenceMaxMs`, although the connection is not closed: something on the way drops the bytes, or the server hangs. The stream is opened anew from the last durable position; nothing is lost.',
    remedy:
      'Nothing, if it goes on afterwards. If it comes back, look for a firewall or proxy that forgets connections. Until the server notices that the old connection is dead (wal_sender_timeout), its slot counts as in use.',
  },
  {
    code: 'SOURCE_STOPPED',
    title: 'The source was stopped in the middle of a load',
    meaning: 'It goes on at the last finished chunk when it starts again.',
    remedy: 'Nothing, if the stop was meant.',
  },
  {
    code: 'SNAPSHOT_REFUSED',
    title: 'A snapshot can not be taken as it was asked for',
    meaning:
      'The condition is not one that PostgreSQL takes on rows of the table, or a listed key is no value of the key columns. Nothing was read and nothing else is affected.',
    remedy: 'Correct what the text names, and ask again. `concord snapshot list` shows what was asked for.',
  },
  {
    code: 'SOURCE_TABLE_MISSING',
    title: 'A table that is to be published does not exist',
    meaning: 'The mapping names a table that this database does not have, or this user does not see.',
    remedy: 'Correct `registration.tables` in the configuration, or make the table.',
  },
  {
    code: 'SOURCE_COLUMN_MISSING',
    title: 'A column that is to be published does not exist',
    meaning: 'The mapping names a column that the table does not have.',
    remedy:
      'Correct `columns` under `registration.tables`: give the name of the column, or null for an item that the table does not have.',
  },
  {
    code: 'SCHEMA_UNSUITABLE',
    title: 'An Avro schema has a shape that the source can not write',
    meaning: 'A file under avro/schemas was changed to a type or an order that this version does not know.',
    remedy: 'Undo the change of the schema; `concord schemas diff` shows it.',
  },
  {
    code: 'SERVER_TOO_OLD',
    title: 'The PostgreSQL server is too old',
    meaning: 'Logical messages can be streamed from PostgreSQL 14 on; the initial load needs them.',
    remedy: 'Use PostgreSQL 14 or newer.',
  },
  {
    code: 'SERVER_IS_STANDBY',
    title: 'The server is a standby',
    meaning: 'Nothing can be written there, neither a watermark of the load nor a heartbeat.',
    remedy: 'Connect to the primary.',
  },
  {
    code: 'WAL_LEVEL',
    title: 'The server does not write WAL for logical replication',
    meaning: 'Its wal_level is not logical, so nothing can be streamed from it.',
    remedy: "ALTER SYSTEM SET wal_level = 'logical', then restart the server.",
  },
  {
    code: 'REPLICATION_PRIVILEGE',
    title: 'The user may not replicate',
    meaning: 'Only a role with REPLICATION may make a slot and stream from it.',
    remedy: 'ALTER ROLE … REPLICATION, for the user of `database.url`.',
  },
  {
    code: 'SELECT_PRIVILEGE',
    title: 'The user may not read a table',
    meaning: 'The initial load reads the published tables with SELECT.',
    remedy: 'Grant USAGE on the schema and SELECT on the table; the text has the statement.',
  },
  {
    code: 'SLOTS_EXHAUSTED',
    title: 'All replication slots are in use',
    meaning: 'The server has as many slots as max_replication_slots allows, so ours can not be made.',
    remedy:
      'Raise max_replication_slots and restart the server, or drop a slot that nobody needs (it holds WAL as long as it exists).',
  },
  {
    code: 'SENDERS_EXHAUSTED',
    title: 'All WAL senders are in use',
    meaning: 'The server streams to as many clients as max_wal_senders allows.',
    remedy: 'Raise max_wal_senders and restart the server.',
  },
  {
    code: 'PRIMARY_KEY_MISSING',
    title: 'A table has no primary key',
    meaning: 'Its rows can not be told apart, so neither an update nor a delete can be said exactly.',
    remedy: 'Add the primary key; the text has the statement.',
  },
  {
    code: 'PRIMARY_KEY_DIFFERS',
    title: 'The primary key is another one than expected',
    meaning:
      'What the mapping, or the schema of a mirrored table, calls the key is not what the database guards as unique: two rows could share a key, and only one of them would be seen. Where it happens while the source runs, the table is parked: from that position on its changes are kept, raw, on the parked topic, and nothing of them is lost. Other tables go on.',
    remedy:
      'Make the primary key again on the columns that the message names, and run `concord resume` with the table, which also reads all of it again. To keep another key, correct the mapping under `registration.tables`; a mirrored table is renamed, configured under its new name, and resumed under it after `concord init` and a new start of both sides.',
  },
  {
    code: 'PRIMARY_KEY_DEFERRABLE',
    title: 'The primary key is deferrable',
    meaning:
      'Two rows may then change keys within a transaction, and the changes arrive so that a delete hits the new row.',
    remedy: 'Make the primary key again without DEFERRABLE.',
  },
  {
    code: 'REPLICA_IDENTITY',
    title: 'The replica identity does not hold what a delete must say',
    meaning:
      'A delete carries only the replica identity, and without these columns its topic and key are not known. A table whose identity is altered while the source runs is parked; so is one of which a partition, made meanwhile, has sent such a change. A partition that has sent none yet is only told. An old row of a partitioned table of which everything but the key is NULL looks as if its partition had sent the key alone, and parks the table, too: then nothing is wrong with the identity, and `concord resume` is enough.',
    remedy:
      'Run `concord init`, or ALTER TABLE … REPLICA IDENTITY FULL. If the table is parked, run `concord resume` with it, which also reads all of it again; rows that were deleted meanwhile are then found, and deleted in the store, by `concord reconcile --table … --repair`.',
  },
  {
    code: 'MONEY_DECIMALS',
    title: 'Amounts of a column would travel as others',
    meaning:
      'The column is of the type `money`, whose values are whole numbers; only the setting `lc_monetary` says how many of their digits are decimals. They are read with two, whatever the database has: 1000 yen would travel as $10.00. In a store with the same `lc_monetary` they show as they were.',
    remedy:
      'Make the column `numeric`, as the message says; if the table is mirrored already, it is parked by that, and the message of the table says how it goes on.',
  },
];
