import { comparePositions, formatLsn } from '../../avro/position.ts';
import type { ProgressRecord } from '../../avro/progress.ts';
import { Fault } from '../../runtime/fault.ts';
import type { SourceSettings } from './contract.ts';
import { type Covered, nothingCovered } from './coverage.ts';
import { tellGivenUp } from './last-resort.ts';
import type { ServerState } from './server-state.ts';

type Names = Pick<SourceSettings, 'name' | 'slot'>;

/**
 * Where to go on, if the server's history is the one that the progress record knows (P8); a Fault of kind `gap` if it
 * is not: the source never goes on from whatever is there. Without a record everything is loaded from the beginning.
 */
export function resumeFrom(progress: ProgressRecord | null, server: ServerState, names: Names): Covered {
  if (progress === null) return beginFrom(server, names);
  const broken =
    anotherHistory(progress, server) ?? anotherProgress(progress, server) ?? missingWal(progress, server, names);
  if (broken === null) return progress;
  throw gap(broken, progress, server, names);
}

interface Break {
  readonly code: string;
  readonly text: string;
  /** Up to where changes may be missing; null where the server's LSNs can not be compared with ours. */
  readonly toLsn: number | null;
}

function beginFrom(server: ServerState, names: Names): Covered {
  const { mark, slot } = server;
  if (mark !== null) {
    throw new Fault(
      'gap',
      'PROGRESS_LOST',
      `The progress topic of ${names.name} is empty, but the database knows that it was at ${formatLsn(mark.endLsn)}: the topic was lost, made anew, or another Kafka cluster is configured. ${
        slot === null ? 'The slot is gone, too. ' : ''
      }What was published is not known: everything up to ${formatLsn(server.currentLsn)} must be read again. ${healing(names)}`,
      { from: formatLsn(mark.endLsn), to: formatLsn(server.currentLsn), generation: mark.generation },
    );
  }
  if (slot === null) {
    throw new Fault(
      'misconfigured',
      'SLOT_NOT_MADE',
      `The replication slot ${names.slot} does not exist yet. Run \`concord init\`.`,
      { slot: names.slot },
    );
  }
  if (slot.status === 'lost') {
    throw new Fault(
      'gap',
      'SLOT_LOST',
      `The server has removed WAL that the slot ${names.slot} still needed, before anything was published. Drop the slot and run \`concord init\`.`,
      { slot: names.slot },
    );
  }
  return nothingCovered(slot.confirmedLsn);
}

/** The server is not the one, or not in the state, whose changes were streamed. */
function anotherHistory(progress: ProgressRecord, server: ServerState): Break | null {
  if (progress.systemIdentifier !== server.systemIdentifier) {
    return {
      code: 'SYSTEM_CHANGED',
      text: `The database server is another one (${server.systemIdentifier}) than the one that was streamed from (${progress.systemIdentifier}).`,
      toLsn: null,
    };
  }
  if (server.slotElsewhere !== null) {
    return {
      code: 'DATABASE_CHANGED',
      text: `The database is another one of the same server: the slot belongs to the database ${server.slotElsewhere}.`,
      toLsn: null,
    };
  }
  if (progress.timeline !== server.timeline) {
    const left = server.timelineSwitches.find(({ timeline }) => timeline === progress.timeline);
    // A promoted standby that had all that was published goes on where the old primary was.
    const reached = progress.complete ? progress.endLsn : progress.position.lsn + 1;
    if (left === undefined || left.endLsn < reached) {
      const where =
        left === undefined ? 'which is not in its history' : `which it left at ${formatLsn(left.endLsn)} already`;
      return {
        code: 'TIMELINE_CHANGED',
        text: `The database server was promoted or restored: it is on timeline ${server.timeline}, and we were on timeline ${progress.timeline} at ${formatLsn(reached)}, ${where}.`,
        toLsn: null,
      };
    }
  }
  if ((server.heartbeatToken ?? -1) < progress.heartbeatToken) {
    return {
      code: 'HISTORY_REWOUND',
      text: `The heartbeat row (${server.heartbeatToken ?? 'absent'}) is older than the one that was streamed (${progress.heartbeatToken}): the database was restored to an earlier state, and what is written now is another history.`,
      toLsn: null,
    };
  }
  return null;
}

/** The progress record is not the last one that was written for this server. */
function anotherProgress(progress: ProgressRecord, server: ServerState): Break | null {
  if (progress.endLsn > server.currentLsn) {
    return {
      code: 'PROGRESS_AHEAD_OF_SERVER',
      text: `The progress topic is newer than the database: it says ${formatLsn(progress.endLsn)}, and the server's WAL ends at ${formatLsn(server.currentLsn)}. The server lost changes that were published, or the topic is of another one.`,
      toLsn: null,
    };
  }
  const { mark } = server;
  if (mark === null) return null;
  const noted = { generation: mark.generation, lsn: mark.endLsn, ordinal: 0 };
  const said = { generation: progress.position.generation, lsn: progress.endLsn, ordinal: 0 };
  if (comparePositions(noted, said) <= 0) return null;
  return {
    code: 'PROGRESS_BEHIND',
    text: `The progress topic is older than what we had reached: it says ${formatLsn(progress.endLsn)} (generation ${said.generation}), and the database knows of ${formatLsn(mark.endLsn)} (generation ${mark.generation}). The newest records were lost, or another Kafka cluster is configured.`,
    toLsn: server.currentLsn,
  };
}

/** The server does not hold all that comes after the progress record. */
function missingWal(progress: ProgressRecord, server: ServerState, names: Names): Break | null {
  const { slot, givenUp } = server;
  const name = names.slot;
  if (givenUp !== null) {
    return { code: 'SLOT_GIVEN_UP', text: tellGivenUp(names.name, name, givenUp), toLsn: server.currentLsn };
  }
  if (slot === null) {
    return {
      code: 'SLOT_MISSING',
      text: `The replication slot ${name} is gone: what was changed since is no longer held for us.`,
      toLsn: server.currentLsn,
    };
  }
  if (slot.status === 'lost') {
    return {
      code: 'SLOT_LOST',
      text: `The server has invalidated the slot ${name}${reasonOf(slot.invalidation)}: we were away, or slow, for longer than it allows.`,
      toLsn: server.currentLsn,
    };
  }
  if (slot.confirmedLsn > progress.endLsn) {
    return {
      code: 'SLOT_AHEAD_OF_CHECKPOINT',
      text: `The slot ${name} is confirmed to ${formatLsn(slot.confirmedLsn)}, beyond our checkpoint ${formatLsn(progress.endLsn)}: it was moved or made anew, and what is between was never sent.`,
      toLsn: slot.confirmedLsn,
    };
  }
  if (!progress.complete && progress.publicationHash !== server.publicationHash) {
    return {
      code: 'PUBLICATION_CHANGED',
      text: 'The publication was changed while a large transaction was half sent: the rest can not be told from what is on the topics.',
      toLsn: server.currentLsn,
    };
  }
  return null;
}

function reasonOf(invalidation: string | null | undefined): string {
  if (invalidation === 'wal_removed') return ' and removed WAL that it needed (max_slot_wal_keep_size)';
  if (invalidation === 'idle_timeout') return ' (idle_replication_slot_timeout)';
  return invalidation === null || invalidation === undefined ? '' : ` (${invalidation})`;
}

function gap({ code, text, toLsn }: Break, progress: ProgressRecord, server: ServerState, names: Names): Fault {
  const from = formatLsn(progress.endLsn);
  const to = toLsn === null ? null : formatLsn(toLsn);
  const unknown =
    to === null
      ? `From ${from} on nothing is known, and that LSN means nothing on this server, which is at ${formatLsn(server.currentLsn)} now.`
      : `From ${from} to ${to} nothing is known.`;
  return new Fault('gap', code, `${text} ${unknown} ${healing(names)}`, {
    slot: names.slot,
    from,
    to,
  });
}

function healing({ name }: Names): string {
  return `If this database is the one to go on with, \`concord snapshot --heal ${name}\` reads all of it again, deletes included, and goes on.`;
}
