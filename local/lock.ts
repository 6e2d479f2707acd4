import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { beginningOf } from './process-identity.ts';

const holderSchema = z.object({ pid: z.int(), began: z.string(), task: z.string() });

/** The process that holds a lock, and what it is doing. */
export type LockHolder = z.infer<typeof holderSchema>;

/** A lock file is busy: `holder` is alive. */
export class LockBusy extends Error {
  readonly holder: LockHolder;

  constructor(file: string, holder: LockHolder) {
    super(`${file} is held by process ${holder.pid} (${holder.task}).`);
    this.name = 'LockBusy';
    this.holder = holder;
  }
}

/** Who holds the lock; null if nobody does, or the holder is dead. */
export function lockHolder(file: string): LockHolder | null {
  try {
    const holder = holderSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return beginningOf(holder.pid) === holder.began ? holder : null;
  } catch {
    return null;
  }
}

/**
 * Runs `act` while this process holds the lock. Waits for at most `waitMs` for another holder, then throws `LockBusy`.
 * A lock whose holder died is taken over.
 */
export async function withLock<T>(
  file: string,
  task: string,
  act: () => Promise<T>,
  waitMs = 0,
  signal?: AbortSignal,
): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  const waitUntilMs = monotonicMs() + waitMs;
  while (!tryLock(file, task)) {
    const holder = lockHolder(file);
    if (holder === null) continue;
    if (monotonicMs() >= waitUntilMs || signal?.aborted === true) throw new LockBusy(file, holder);
    await pause(100, signal);
  }
  try {
    return await act();
  } finally {
    rmSync(file, { force: true });
  }
}

function tryLock(file: string, task: string): boolean {
  const holder: LockHolder = { pid: process.pid, began: beginningOf(process.pid) ?? '', task };
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(holder));
  try {
    // A link appears together with its content, so nobody ever reads a half-written holder.
    linkSync(mine, file);
    return true;
  } catch {
    if (lockHolder(file) === null) rmSync(file, { force: true });
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}
