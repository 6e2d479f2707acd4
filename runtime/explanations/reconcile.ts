import type { Explanation } from './explanation.ts';

/** What keeps a comparison of both sides from saying anything. */
export const reconcileExplanations: readonly Explanation[] = [
  {
    code: 'RECONCILE_STANDBY',
    title: 'The registration database is a standby',
    meaning:
      'The snapshot of a standby does not list the transactions that are in progress, so it can not be said which changes it sees.',
    remedy: 'Set `registration.database.url` to the primary: the comparison blocks nobody who reads or writes there.',
  },
  {
    code: 'RECONCILE_TABLE_LOCKED',
    title: 'A table is held by somebody else',
    meaning:
      'A transaction holds a replicated table for itself (TRUNCATE, ALTER TABLE, VACUUM FULL), and a snapshot next to it would be wrong.',
    remedy: 'Run it again when that transaction has ended; `pg_locks` with `pg_stat_activity` shows whose it is.',
  },
  {
    code: 'RECONCILE_STORE_BEHIND',
    title: 'The store does not come to the point of the comparison',
    meaning:
      'The store is compared when it has every change below the LSN of the point. Nothing has moved for a while: one side does not run, or can not go on.',
    remedy: 'Look at `concord status`, start what does not run, and run it again. `--patience` makes it wait longer.',
  },
  {
    code: 'RECONCILE_HISTORY_BROKEN',
    title: "The source's history was broken while both sides were compared",
    meaning:
      'Transaction ids compare only within one generation, and a new one has begun since the snapshot was taken.',
    remedy: 'Run it again.',
  },
  {
    code: 'RECONCILE_NOTHING_CAPTURED',
    title: 'There is nothing to compare yet',
    meaning: 'The registration source has never written its progress, so nothing of it can be in the store.',
    remedy: 'Start both sides with `concord run` (or `concord up`), wait for the initial load, and run it again.',
  },
  {
    code: 'RECONCILE_UNEXPECTED',
    title: 'A run ended with an error that nobody expected',
    meaning:
      'It is a bug in Concord. The run says nothing about either side; a loop of runs goes on with the next one.',
    remedy: 'Report it with the text that is kept with the run, which `concord reconcile history` shows.',
  },
  {
    code: 'RECONCILE_REPAIR_REFUSED',
    title: 'A row can not be repaired, because the rules refuse what the registration database has of it',
    meaning:
      'Somebody has changed or deleted the last good version in the metering store, below an update that the rules have refused. Sent again, the row would be refused again.',
    remedy:
      'Correct in the registration database what the rules name: the next good event puts the store right. Where it has to be right before, whoever changed it by hand puts back what was accepted, which `concord diff MPAN` shows.',
  },
  {
    code: 'RECONCILE_REPAIR_TOO_MANY',
    title: 'More rows are unexplained than a repair may send',
    meaning:
      'So many differences at once are seldom the fault of single rows: the wrong database, a restored store, or a leg that lost its place looks like this.',
    remedy:
      'Read the report first. If the rows are to be sent again all the same, raise `--limit`; for a whole table, `concord snapshot TABLE` is the quicker way.',
  },
  {
    code: 'RECONCILE_REPAIR_WAITS',
    title: 'The source does not take up what a repair asks for',
    meaning:
      'The rows to be sent again are asked for, durably, but the registration source does not read them: it does not run, or it is busy with another snapshot or the initial load.',
    remedy:
      'Look at `concord status` and `concord snapshot list`. When the snapshot is done, `concord reconcile` says whether the rows are right; `concord snapshot cancel ID` takes the request back.',
  },
  {
    code: 'RECONCILE_REPAIR_STOPPED',
    title: 'What a repair asked the source for has failed or was cancelled',
    meaning: 'Not all rows were sent again. Those that were are in the pipe as ever.',
    remedy: 'Correct what the message says, and repair again: a row that is right by then changes nothing.',
  },
  {
    code: 'REPLAY_NO_DATABASE',
    title: 'The database of a second store can not be made',
    meaning:
      'A second store is a database of its own on the server of the metering store, and the user of `metering.database.url` may not make one.',
    remedy:
      'Grant it (`ALTER ROLE … CREATEDB`), or have an administrator make the database that the message names, owned by that user; it is taken when it is empty.',
  },
];
