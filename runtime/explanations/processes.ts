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
];
