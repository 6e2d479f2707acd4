import os from 'node:os';
import type pg from 'pg';
import { comparePositions } from '../../avro/position.ts';
import { watermark } from '../../avro/progress.ts';
import { beginRedrive, closeLetter, type RedriveResult } from '../../connectors/sink/redrive.ts';
import { requestSnapshot, type SnapshotJob } from '../../connectors/source/job-table.ts';
import { tableName } from '../../connectors/source/route-columns.ts';
import { pause } from '../../runtime/clock.ts';
import { createLog } from '../../runtime/log.ts';
import { withDatabase } from '../../runtime/postgres.ts';
import { readProgress } from '../progress.ts';
import type { Settings } from '../settings.ts';
import { followSnapshot } from '../snapshot-follow.ts';
import { type BoxedLetter, letterName } from './places.ts';
import type { RedrivePlan, Wish } from './plan.ts';

const lookEveryMs = 200;

/**
 * Redrives one letter: writes down who asks for what, asks the source, waits until it has read and until the store has applied
 * what was read, and closes the letter. Killed between two of these, the letter is still open, and doing it again reads the
 * row once more, which changes nothing that is right already. Answers with what came of it.
 */
export async function redrive(
  settings: Settings,
  letter: BoxedLetter,
  plan: RedrivePlan & { readonly wish: Wish; readonly result: RedriveResult },
  tell: ((text: string) => void) | null,
  signal: AbortSignal,
): Promise<'closed' | 'was closed' | 'interrupted' | 'failed'> {
  const { box } = letter;
  return withDatabase(box.store, 'concord dead-letters', async (store) => {
    const attempt = await beginRedrive(
      store,
      box.schema,
      letter,
      askedBy(),
      `${plan.wish.kind} ${tableName(plan.wish.route)}`,
    );
    const job = await withDatabase(box.sourceDatabase, 'concord dead-letters', async (source) => {
      const asked = await ask(source, box.source.name, plan.wish);
      tell?.(`${letterName(letter)}: ${plan.says} (snapshot ${box.source.name}:${asked.id}).`);
      return followSnapshot(source, asked, tell, signal);
    });
    if (signal.aborted) return 'interrupted';
    if (job.state !== 'done' || job.untold > 0) return 'failed';
    if (!(await untilApplied(settings, letter, store, signal))) return 'interrupted';
    const isFirst = await closeLetter(store, box.schema, letter, attempt, plan.result);
    return isFirst ? 'closed' : 'was closed';
  });
}

function ask(client: pg.Client, source: string, wish: Wish): Promise<SnapshotJob> {
  const { route } = wish;
  return requestSnapshot(
    client,
    source,
    wish.kind === 'key' ? { route, keys: [wish.key] } : { route, predicate: wish.predicate },
  );
}

/** Whoever runs the command, for the record. */
function askedBy(): string {
  return `${os.userInfo().username}@${os.hostname()}`;
}

/** Waits until the store is past everything that the source has published by now. False when interrupted. */
async function untilApplied(
  settings: Settings,
  { box }: BoxedLetter,
  store: pg.Client,
  signal: AbortSignal,
): Promise<boolean> {
  const progress = (await readProgress(settings, createLog('dead-letters', 'error')))[
    box.side === 'metering' ? 'registration' : 'metering'
  ];
  if (progress === null) return true;
  const target = { generation: progress.position.generation, lsn: watermark(progress), ordinal: 0 };
  while (!signal.aborted) {
    const { rows } = await store.query<{ generation: number; lsn: string }>(
      `SELECT generation, lsn FROM ${box.schema}.applied_position WHERE source = $1`,
      [box.source.name],
    );
    const isThere = rows.every(
      ({ generation, lsn }) => comparePositions({ generation, lsn: Number(lsn), ordinal: 0 }, target) >= 0,
    );
    if (isThere && rows.length >= box.source.partitions) return true;
    await pause(lookEveryMs, signal);
  }
  return false;
}
