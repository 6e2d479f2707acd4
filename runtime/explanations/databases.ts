import type { Explanation } from './explanation.ts';

/** Reaching a PostgreSQL server and being allowed to. */
export const databaseExplanations: readonly Explanation[] = [
  {
    code: 'DATABASE_UNAVAILABLE',
    title: 'A database can not be reached',
    meaning:
      'The server is down, restarting or overloaded, or the network is interrupted. Nothing is lost: positions are durable, and the other side goes on.',
    remedy: 'Start the server or mend the network. Concord tries again by itself, at most five seconds apart.',
  },
  {
    code: 'DATABASE_REFUSED',
    title: 'A database refuses us',
    meaning: 'User, password, database name or privilege is wrong; the text says which.',
    remedy: 'Correct `database.url` of the side in the configuration, or grant what `concord check` names.',
  },
  {
    code: 'DATABASE_ERROR',
    title: 'A database reports an error that should not happen',
    meaning:
      'A statement of ours failed for a reason that is neither the network nor a privilege: a table is missing or was altered, a disk is full, or the store was changed by hand.',
    remedy:
      'Look up the SQLSTATE of the message, and run `concord check`, which finds missing tables. Mend it; Concord tries again by itself.',
  },
  {
    code: 'TLS_FILE_UNREADABLE',
    title: 'A certificate file can not be read',
    meaning: 'The configuration names a PEM file that does not exist or that this user may not read.',
    remedy: 'Correct the path under `tls`, or the permissions of the file.',
  },
  {
    code: 'STORE_TABLES_MISSING',
    title: 'Tables of ours are missing in a database',
    meaning: 'The positions, the inbox or the metering store were never made here, or an older version made them.',
    remedy: 'Run `concord init`, which makes what is missing and leaves the rest as it is.',
  },
  {
    code: 'STORE_PRIVILEGE',
    title: 'We may not write our own tables',
    meaning: 'The database user can log in, but lacks a privilege on a schema or table that the sink writes.',
    remedy: 'Grant what the text names, or run `concord init` as the user that runs the connectors: an owner may.',
  },
  {
    code: 'LANES_DIFFER',
    title: 'The store was filled with another number of lanes',
    meaning:
      'A lane is partition i of every topic. With another number of partitions the events of a metering point change lane, and their order would be lost.',
    remedy:
      'Set `kafka.partitions` back to the number that the text names. To change it for good, start a new source with an empty store.',
  },
];
