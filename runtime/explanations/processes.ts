import type { Explanation } from './explanation.ts';

/** What `concord status` and `concord check` find about our own processes. */
export const processExplanations: readonly Explanation[] = [
  {
    code: 'PROCESS_NOT_RUNNING',
    title: 'A process of the embedded stack does not run',
    meaning: 'It was killed or ended with an error. What it had confirmed is durable.',
    remedy: 'Run `concord up`, which starts what is missing. Its log in the data directory says why it ended.',
  },
  {
    code: 'SIDE_NOT_ANSWERING',
    title: 'A side does not answer on its HTTP port',
    meaning: 'Its process does not run, hangs, or listens on another port than the configuration says.',
    remedy: 'Start it with `concord run`, or see its log and `http` in the configuration.',
  },
  {
    code: 'SIDE_OF_ANOTHER_VERSION',
    title: 'A side is of another version than the command that asks it',
    meaning: 'It goes on as it was started, but what it says of itself has another form. An update needs a new start.',
    remedy: 'Start it again with `concord down` and `concord up`, or your own way to run it.',
  },
  {
    code: 'PROBE_LATE',
    title: 'The end-to-end probe has not come through',
    meaning: 'Processes run, but a heartbeat has not gone from database to store for half a minute.',
    remedy:
      'Look for the first error in the logs of both sides. If the side only just starts, ask again in a few seconds.',
  },
  {
    code: 'STATUS_INCOMPLETE',
    title: 'A part of the status could not be read',
    meaning: 'A server that holds the figures answered with an error; the rest of the status is right.',
    remedy: 'Read the text; run `concord check`.',
  },
  {
    code: 'HTTP_PORT_IN_USE',
    title: 'The HTTP port of a side is taken',
    meaning: 'Another program listens there, or this host has no such address.',
    remedy: 'Stop the other program, or change `http` in the configuration.',
  },
  {
    code: 'LEG_STALLED',
    title: 'Nothing moved in one direction of a side, and it was begun anew',
    meaning:
      'For `limits.rebuildAfterMs` not even a heartbeat came through, and no part reported a failure: a connection that leads nowhere, a server that hangs, or a lock in the store. The direction was torn down and begins from its last durable position; nothing is lost.',
    remedy:
      'Nothing, if it goes on afterwards. If it comes back, look at the servers on its way: a firewall that drops idle connections, a stopped broker, a lock in `pg_stat_activity`.',
  },
  {
    code: 'LEG_STUCK',
    title: 'One direction of a side stood still and could not be torn down',
    meaning:
      'The process has ended by itself, for its supervisor to start it again. Nothing that was confirmed is lost.',
    remedy: 'Start it again if nothing does so by itself (`concord up`). If it happens again, report it with the log.',
  },
  {
    code: 'EVENT_LOOP_BLOCKED',
    title: 'The program was busy with itself and was killed',
    meaning:
      'For `limits.eventLoopBlockedMaxMs` the process did nothing else than one computation, so that it could not even answer `/healthz`. A thread that watches it has killed it. Nothing that was confirmed is lost.',
    remedy:
      'Start it again if nothing does so by itself (`concord up`). If it happens again, report it: no computation may take that long.',
  },
];
