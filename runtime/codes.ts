/** What every code means and what to do: `concord explain CODE`, the runbook and the messages read it from here. */
export interface Explanation {
  readonly code: string;
  readonly title: string;
  readonly meaning: string;
  readonly remedy: string;
}

const explanations: readonly Explanation[] = [
  {
    code: 'DATABASE_UNAVAILABLE',
    title: 'A database can not be reached',
    meaning:
      'The server is down, restarting, overloaded, or the network is interrupted. Nothing is lost: positions are durable.',
    remedy: 'Start the server or mend the network. Concord tries again by itself.',
  },
  {
    code: 'DATABASE_REFUSED',
    title: 'A database refuses us',
    meaning: 'User, password, database name or privilege is wrong.',
    remedy: 'Correct `database.url` in the configuration, or grant what `concord check` names.',
  },
  {
    code: 'DATABASE_ERROR',
    title: 'A database reports an error that should not happen',
    meaning: 'A statement of ours failed for a reason that is neither the network nor a privilege.',
    remedy: 'Read the SQLSTATE and the message in the log; `concord check` shows whether the set-up is complete.',
  },
  {
    code: 'TLS_FILE_UNREADABLE',
    title: 'A certificate file can not be read',
    meaning: 'The configuration names a PEM file that does not exist or that this user may not read.',
    remedy: 'Correct the path under `tls`, or the permissions of the file.',
  },
];

const byCode = new Map(explanations.map((one) => [one.code, one]));

export function explanationOf(code: string): Explanation | null {
  return byCode.get(code) ?? null;
}

export function allExplanations(): readonly Explanation[] {
  return explanations;
}
