import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmSync, fstatSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { beginningOf } from './process-identity.ts';

/** The processes of an embedded stack, in the order in which they are stopped. */
export const processNames = [
  'supervisor',
  'console',
  'metering',
  'registration',
  'registry',
  'kafka',
  'postgres-metering',
  'postgres-registration',
] as const;
export type ProcessName = (typeof processNames)[number];

export interface Launch {
  readonly name: ProcessName;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly directory: string;
  /** The user to run as, where that is not the one who starts. */
  readonly user?: { readonly uid: number; readonly gid: number } | null;
}

const recordSchema = z.object({ pid: z.int(), began: z.string() });
const fatalSchema = z.object({ level: z.literal('fatal'), code: z.string(), msg: z.string() });

/** The pid of the live process of this name; null if it is not running, even if its pid is in use by another program. */
export function livePid(dataDir: string, name: ProcessName): number | null {
  try {
    const record = recordSchema.parse(JSON.parse(readFileSync(recordFile(dataDir, name), 'utf8')));
    return beginningOf(record.pid) === record.began ? record.pid : null;
  } catch {
    return null;
  }
}

/** `{name: pid}` of every process of the data directory that is alive. */
export function livePids(dataDir: string): Partial<Record<ProcessName, number>> {
  const pids: Partial<Record<ProcessName, number>> = {};
  for (const name of processNames) {
    const pid = livePid(dataDir, name);
    if (pid !== null) pids[name] = pid;
  }
  return pids;
}

/** Remembers that the process with this pid is `name`, until `forget`. */
export function remember(dataDir: string, name: ProcessName, pid: number): void {
  mkdirSync(path.dirname(recordFile(dataDir, name)), { recursive: true });
  writeFileSync(recordFile(dataDir, name), JSON.stringify({ pid, began: beginningOf(pid) ?? '' }));
}

export function forget(dataDir: string, name: ProcessName): void {
  rmSync(recordFile(dataDir, name), { force: true });
}

export function logFile(dataDir: string, name: ProcessName): string {
  return path.join(dataDir, 'logs', `${name}.log`);
}

/** Starts a process that outlives this one, in a session of its own, with its output in its log. Returns its pid. */
export function launch(dataDir: string, what: Launch): number {
  mkdirSync(path.join(dataDir, 'logs'), { recursive: true });
  const log = openSync(logFile(dataDir, what.name), 'a');
  try {
    const child = spawn(what.command, what.args, {
      cwd: what.directory,
      detached: true,
      stdio: ['ignore', log, log],
      env: what.env ?? process.env,
      ...what.user,
    });
    child.on('error', () => {
      // The missing pid below tells it; without a listener the event would end this process.
    });
    if (child.pid === undefined) {
      throw new Fault(
        'misconfigured',
        'PROCESS_DID_NOT_START',
        `${what.name} can not be started: ${what.command} does not run.`,
      );
    }
    child.unref();
    remember(dataDir, what.name, child.pid);
    return child.pid;
  } finally {
    closeSync(log);
  }
}

/** Waits until `probe` is true. Throws PROCESS_DID_NOT_START, with the end of the log, if the process dies or time is up. */
export async function untilReady(
  dataDir: string,
  name: ProcessName,
  probe: () => Promise<boolean>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const untilMs = monotonicMs() + timeoutMs;
  while (!(await probe())) {
    signal?.throwIfAborted();
    const died = livePid(dataDir, name) === null;
    if (!died && monotonicMs() < untilMs) {
      await pause(50, signal);
      continue;
    }
    const what = died ? 'ended while it was starting' : `was not ready after ${Math.round(timeoutMs / 1000)} s`;
    throw new Fault(
      'unavailable',
      'PROCESS_DID_NOT_START',
      `${name} ${what}. The end of ${logFile(dataDir, name)}:\n${logEnd(dataDir, name)}`,
      { process: name },
    );
  }
}

/** The last lines of a process's log. */
export function logEnd(dataDir: string, name: ProcessName): string {
  const bytesMax = 2_000;
  try {
    const file = openSync(logFile(dataDir, name), 'r');
    try {
      const size = fstatSync(file).size;
      const buffer = Buffer.alloc(Math.min(size, bytesMax));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8').trimEnd().split('\n').slice(-8).join('\n');
    } finally {
      closeSync(file);
    }
  } catch {
    return '(no log)';
  }
}

/** Why a process ended, as far as its log tells: `(EVENT_LOOP_BLOCKED: …)`. */
export function lastWords(dataDir: string, name: ProcessName): string {
  try {
    const { code, msg } = fatalSchema.parse(JSON.parse(logEnd(dataDir, name).split('\n').at(-1) ?? ''));
    return `(${code}: ${msg})`;
  } catch {
    return 'without a word (it was killed, or crashed)';
  }
}

/**
 * Stops a process of ours: asks with each signal in turn and waits for its grace, then kills. Nothing happens if it is not
 * running: a pid that now belongs to another program is left alone. Returns true if there was something to stop.
 */
export async function stopProcess(
  dataDir: string,
  name: ProcessName,
  signals: readonly { readonly signal: NodeJS.Signals; readonly graceMs: number }[],
): Promise<boolean> {
  const pid = livePid(dataDir, name);
  const began = pid === null ? null : beginningOf(pid);
  // Not by the record: a supervisor in the foreground forgets itself first, and then stops everything else.
  const isAlive = (): boolean => pid !== null && began !== null && beginningOf(pid) === began;
  for (const { signal, graceMs } of [...signals, { signal: 'SIGKILL' as const, graceMs: 10_000 }]) {
    if (pid === null || !isAlive()) break;
    try {
      process.kill(pid, signal);
    } catch {
      break;
    }
    const untilMs = monotonicMs() + graceMs;
    while (isAlive() && monotonicMs() < untilMs) await pause(20);
  }
  if (isAlive()) {
    throw new Fault(
      'unavailable',
      'PROCESS_DOES_NOT_STOP',
      `${name} (process ${pid}) does not end, not even when killed.`,
      {
        process: name,
        pid,
      },
    );
  }
  forget(dataDir, name);
  return pid !== null;
}

function recordFile(dataDir: string, name: ProcessName): string {
  return path.join(dataDir, 'run', `${name}.json`);
}
