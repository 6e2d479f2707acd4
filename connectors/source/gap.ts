import { formatLsn } from '../../avro/position.ts';
import type { ProgressRecord } from '../../avro/progress.ts';
import { Fault } from '../../runtime/fault.ts';
import { type Covered, nothingCovered } from './coverage.ts';
import type { ServerState } from './server-state.ts';

/**
 * Where to go on, if the server's history is the one that the progress record knows (P8); a Fault of kind `gap` if it
 * is not: the source never goes on from whatever is there. Without a record everything is loaded from the beginning.
 */
export function resumeFrom(progress: ProgressRecord | null, server: ServerState, slot: string): Covered {
  if (server.slot === null) {
    if (progress === null) {
      throw new Fault(
        'misconfigured',
        'SLOT_NOT_MADE',
        `The replication slot ${slot} does not exist yet. Run \`concord init\`.`,
        { slot },
      );
    }
    throw gap(
      'SLOT_MISSING',
      `The replication slot ${slot} is gone: what was changed since ${formatLsn(progress.endLsn)} is no longer held for us.`,
      { slot },
    );
  }
  if (server.slot.status === 'lost') {
    throw gap('SLOT_LOST', `The server has removed WAL that the slot ${slot} still needed.`, { slot });
  }
  if (progress === null) return nothingCovered(server.slot.confirmedLsn);
  if (progress.systemIdentifier !== server.systemIdentifier) {
    throw gap('SYSTEM_CHANGED', 'The database server is another one than the one that was streamed from.', {
      expected: progress.systemIdentifier,
      found: server.systemIdentifier,
    });
  }
  if (progress.timeline !== server.timeline) {
    throw gap(
      'TIMELINE_CHANGED',
      'The database server was promoted or restored: it is on another timeline than the one that was streamed from.',
      {
        expected: progress.timeline,
        found: server.timeline,
      },
    );
  }
  if (server.slot.confirmedLsn > progress.endLsn) {
    throw gap(
      'SLOT_AHEAD_OF_CHECKPOINT',
      `The slot ${slot} is confirmed to ${formatLsn(server.slot.confirmedLsn)}, beyond our checkpoint ${formatLsn(progress.endLsn)}: it was moved or made anew, and what is between was never sent.`,
      { slot, confirmed: formatLsn(server.slot.confirmedLsn), checkpoint: formatLsn(progress.endLsn) },
    );
  }
  if ((server.heartbeatToken ?? -1) < progress.heartbeatToken) {
    throw gap(
      'HISTORY_REWOUND',
      'The heartbeat row is older than the one that was streamed: the database was restored to an earlier state, and what is written now is another history.',
      { expected: progress.heartbeatToken, found: server.heartbeatToken ?? -1 },
    );
  }
  if (!progress.complete && progress.publicationHash !== server.publicationHash) {
    throw gap(
      'PUBLICATION_CHANGED',
      'The publication was changed while a large transaction was half sent: the rest can not be told from what is on the topics.',
      {
        expected: progress.publicationHash,
        found: server.publicationHash,
      },
    );
  }
  return progress;
}

function gap(code: string, message: string, context: Readonly<Record<string, string | number>>): Fault {
  return new Fault('gap', code, message, context);
}
