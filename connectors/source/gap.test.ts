import { expect, test } from 'vitest';
import type { ProgressRecord } from '../../avro/progress.ts';
import { Fault } from '../../runtime/fault.ts';
import { resumeFrom } from './gap.ts';
import type { ServerState } from './server-state.ts';

const server: ServerState = {
  systemIdentifier: '7',
  timeline: 1,
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

function codeOf(changedProgress: Partial<ProgressRecord> | null, changedServer: Partial<ServerState>): string {
  try {
    resumeFrom(
      changedProgress === null ? null : { ...progress, ...changedProgress },
      { ...server, ...changedServer },
      's',
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
  ['the server was promoted', {}, { timeline: 2 }, 'gap TIMELINE_CHANGED'],
  ['the publication changed between transactions', {}, { publicationHash: 'b' }, 'goes on'],
  [
    'the publication changed in the middle of one',
    { complete: false },
    { publicationHash: 'b' },
    'gap PUBLICATION_CHANGED',
  ],
  ['the database was restored to an earlier state', {}, { heartbeatToken: 0 }, 'gap HISTORY_REWOUND'],
  ['the heartbeat row is gone', {}, { heartbeatToken: null }, 'gap HISTORY_REWOUND'],
  ['nothing was ever written', null, {}, 'goes on'],
  ['nothing was ever set up', null, { slot: null }, 'misconfigured SLOT_NOT_MADE'],
] as const)('when %s, the source answers as it must (%j, %j: %s)', (_what, changedProgress, changedServer, code) => {
  expect(codeOf(changedProgress, changedServer)).toBe(code);
});

test('a source that has written nothing loads everything, from where its slot was made', () => {
  expect(resumeFrom(null, server, 's')).toMatchObject({ endLsn: 500, complete: true, loadCompleteAt: null, jobs: '' });
});
