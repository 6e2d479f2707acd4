import { expect, test } from 'vitest';
import type { ProgressRecord } from '../../avro/progress.ts';
import { Fault } from '../../runtime/fault.ts';
import { resumeFrom } from './gap.ts';
import type { ServerState } from './server-state.ts';
import { parseTimelineHistory } from './timeline.ts';

const server: ServerState = {
  systemIdentifier: '7',
  timeline: 1,
  timelineSwitches: [],
  currentLsn: 10_000,
  mark: { generation: 1, endLsn: 500 },
  givenUp: null,
  slotElsewhere: null,
  xidAnchor: 1_000,
  slot: { confirmedLsn: 500, status: 'reserved' },
  publicationHash: 'a',
  heartbeatToken: 1,
  statusIntervalMs: 1_000,
};
const progress: ProgressRecord = {
  source: 'registration',
  position: { generation: 1, lsn: 480, ordinal: 3 },
  complete: true,
  endLsn: 500,
  sourceTime: 1,
  createdAt: 1,
  xid: 9,
  systemIdentifier: '7',
  timeline: 1,
  slot: 's',
  publicationHash: 'a',
  nextOffsets: {},
  captured: {},
  heartbeatToken: 1,
  parkedTables: [],
  jobs: '',
  loadCompleteAt: null,
};

/** We were on timeline 1, which ended there. */
function switches(endLsn: number): ServerState['timelineSwitches'] {
  return [
    { timeline: 1, endLsn },
    { timeline: 2, endLsn: 700 },
  ];
}

function codeOf(changedProgress: Partial<ProgressRecord> | null, changedServer: Partial<ServerState>): string {
  try {
    resumeFrom(
      changedProgress === null ? null : { ...progress, ...changedProgress },
      { ...server, ...changedServer },
      { name: 'registration', slot: 's' },
    );
    return 'goes on';
  } catch (error) {
    if (error instanceof Fault) return `${error.kind} ${error.code}`;
    throw error;
  }
}

test.each([
  ['nothing changed', {}, {}, 'goes on'],
  ['the slot was not told of the last record', {}, { slot: { confirmedLsn: 400, status: 'reserved' } }, 'goes on'],
  [
    'the slot was moved or made anew',
    {},
    { slot: { confirmedLsn: 501, status: 'reserved' } },
    'gap SLOT_AHEAD_OF_CHECKPOINT',
  ],
  ['the slot was dropped', {}, { slot: null }, 'gap SLOT_MISSING'],
  ['the slot lost its WAL', {}, { slot: { confirmedLsn: 400, status: 'lost' } }, 'gap SLOT_LOST'],
  ['the server is another one', {}, { systemIdentifier: '8' }, 'gap SYSTEM_CHANGED'],
  ['the server was restored to another timeline', {}, { timeline: 2 }, 'gap TIMELINE_CHANGED'],
  [
    'a standby was promoted that lacked what we had',
    {},
    { timeline: 3, timelineSwitches: switches(499) },
    'gap TIMELINE_CHANGED',
  ],
  ['a standby was promoted that had all that we had', {}, { timeline: 3, timelineSwitches: switches(500) }, 'goes on'],
  [
    'a standby was promoted without the end of a transaction that we had begun to publish',
    { complete: false, position: { generation: 1, lsn: 600, ordinal: 3 } },
    { timeline: 3, timelineSwitches: switches(600) },
    'gap TIMELINE_CHANGED',
  ],
  ['another server has no slot of ours either', {}, { systemIdentifier: '8', slot: null }, 'gap SYSTEM_CHANGED'],
  ['the progress topic is newer than the server', {}, { currentLsn: 499 }, 'gap PROGRESS_AHEAD_OF_SERVER'],
  ['the progress topic was set back', {}, { mark: { generation: 1, endLsn: 501 } }, 'gap PROGRESS_BEHIND'],
  ['the progress topic is of an older generation', {}, { mark: { generation: 2, endLsn: 1 } }, 'gap PROGRESS_BEHIND'],
  ['nothing was noted in the database yet', {}, { mark: null }, 'goes on'],
  ['the progress topic was lost', null, {}, 'gap PROGRESS_LOST'],
  ['the progress topic and the slot were lost', null, { slot: null }, 'gap PROGRESS_LOST'],
  ['the publication changed between transactions', {}, { publicationHash: 'b' }, 'goes on'],
  [
    'the publication changed in the middle of one',
    { complete: false },
    { publicationHash: 'b' },
    'gap PUBLICATION_CHANGED',
  ],
  ['the database was restored to an earlier state', {}, { heartbeatToken: 0 }, 'gap HISTORY_REWOUND'],
  ['the heartbeat row is gone', {}, { heartbeatToken: null }, 'gap HISTORY_REWOUND'],
  ['nothing was ever written', null, { mark: null }, 'goes on'],
  ['nothing was ever set up', null, { slot: null, mark: null }, 'misconfigured SLOT_NOT_MADE'],
] as const)('when %s, the source answers as it must (%j, %j: %s)', (_what, changedProgress, changedServer, code) => {
  expect(codeOf(changedProgress, changedServer)).toBe(code);
});

test('a source that has written nothing loads everything, from where its slot was made', () => {
  expect(resumeFrom(null, { ...server, mark: null }, { name: 'registration', slot: 's' })).toMatchObject({
    endLsn: 500,
    complete: true,
    loadCompleteAt: null,
    jobs: '',
  });
});

test('a stop says from where to where nothing is known, and what heals it', () => {
  const lost = { ...server, slot: { confirmedLsn: 400, status: 'lost' } };
  expect(() => resumeFrom(progress, lost, { name: 'registration', slot: 's' })).toThrow(
    /From 0\/1F4 to 0\/2710 nothing is known.*`concord snapshot --heal registration`/,
  );
});

test('the history of a timeline is read line by line', () => {
  expect(
    parseTimelineHistory('1\t0/3000060\tno recovery target specified\n\n# note\n2\t1/A0\tbefore 2000-01-01\n'),
  ).toEqual([
    { timeline: 1, endLsn: 0x3000060 },
    { timeline: 2, endLsn: 0x1_0000_00a0 },
  ]);
});
