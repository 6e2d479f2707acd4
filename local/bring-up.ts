import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { monotonicMs } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { commandLineFile } from './checkout.ts';
import { configurationFile, writeConfiguration } from './configuration-file.ts';
import { LockBusy, lockHolder, withLock } from './lock.ts';
import { populate, wishSample } from './populate.ts';
import { lastWords, livePid, processNames, stopProcess, type ProcessName } from './processes.ts';
import { type SideName, sideNames, startSide, stopSide, untilSidesReady } from './sides.ts';
import { readAddresses, startStack, stopStack, type StackAddresses } from './stack.ts';
import { openState, readState, type PortName } from './state.ts';

export interface BringUpOptions {
  /** Metering points of the sample, on a new data directory only. */
  readonly sample: number;
  readonly ports: Partial<Record<PortName, number>>;
  readonly signal: AbortSignal;
}

/** One step of a start: `run` does it, tells what happens a line at a time, and returns what came of it. */
export interface Step {
  readonly title: string;
  run(report: (line: string) => void): Promise<string>;
}

/** What an embedded stack consists of: these run, or something is wrong. */
export const expectedProcesses: readonly ProcessName[] = processNames.filter(
  (name) => name !== 'supervisor' && name !== 'console',
);

const runFile = promisify(execFile);

const supervisorWaitMs = 60_000;

/** The steps that make a data directory's stack whole, whatever is missing of it. In this order; each may be repeated. */
export function bringUpSteps(dataDir: string, options: BringUpOptions): readonly Step[] {
  const { signal } = options;
  return [
    {
      title: 'Servers: two PostgreSQL, Kafka, schema registry',
      run: timed(async (report) => {
        wishSample(dataDir, options.sample);
        const found = await startStack(dataDir, { ports: options.ports, report, signal });
        writeConfiguration(dataDir, found, openState(dataDir).ports.registration ?? 0);
        return 'they run';
      }),
    },
    {
      title: 'Registration database',
      run: timed(async (report) => {
        const rows = await populate(dataDir, addressesOf(dataDir).registrationUrl, report);
        return rows === null ? 'is there' : `${rows.toLocaleString('en-GB')} rows loaded`;
      }),
    },
    {
      title: 'Topics, schemas, publications and stores',
      run: timed(async () => {
        await initialise(dataDir, signal);
        return 'are set up';
      }),
    },
    {
      title: 'Connectors and initial load',
      run: timed(async (report) => {
        await Promise.all(sideNames.map((name) => startSide(dataDir, name)));
        await untilSidesReady(dataDir, report, signal);
        return 'complete';
      }),
    },
  ];
}

/** Runs `act` as the only one who starts or stops something in this data directory. */
export async function alone<T>(
  dataDir: string,
  task: string,
  act: () => Promise<T>,
  waitMs = 0,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await withLock(lockFile(dataDir), task, act, waitMs, signal);
  } catch (error) {
    if (!(error instanceof LockBusy)) throw error;
    // It starts what ended, which takes moments.
    if (waitMs === 0 && error.holder.pid === livePid(dataDir, 'supervisor')) {
      return alone(dataDir, task, act, supervisorWaitMs, signal);
    }
    throw new Fault(
      'unavailable',
      'STACK_BUSY',
      `Process ${error.holder.pid} is just now ${error.holder.task} in ${dataDir}. Wait until it has ended, or end it with \`concord down\`.`,
      { pid: error.holder.pid },
    );
  }
}

/** Starts again the sides that ended; the servers are left as they are. Returns which ended. */
export async function healSides(
  dataDir: string,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<readonly SideName[]> {
  const dead = sideNames.filter((name) => livePid(dataDir, name) === null);
  if (dead.length === 0) return dead;
  for (const name of dead) report(`${name} ended ${lastWords(dataDir, name)}: starting it again`);
  const start = async (): Promise<void> => {
    for (const name of dead) await startSide(dataDir, name);
  };
  await alone(dataDir, 'starting again what ended', start, supervisorWaitMs, signal);
  return dead;
}

/** Starts again whatever of a running stack is dead. Returns what was dead. */
export async function heal(
  dataDir: string,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<readonly ProcessName[]> {
  const dead = expectedProcesses.filter((name) => livePid(dataDir, name) === null);
  if (dead.length === 0) return dead;
  for (const name of dead) report(`${name} ended ${lastWords(dataDir, name)}: starting it again`);
  await alone(
    dataDir,
    'starting again what ended',
    async () => {
      await startStack(dataDir, { signal });
      for (const name of sideNames) await startSide(dataDir, name);
    },
    supervisorWaitMs,
    signal,
  );
  return dead;
}

/**
 * Stops everything of a data directory in order: whoever starts or supervises it, the connectors, the registry, the broker,
 * the databases. Returns what was running. Works as well on a stack that is half dead, or in the middle of its start.
 */
export async function takeDown(dataDir: string, report: (line: string) => void): Promise<readonly ProcessName[]> {
  if (readState(dataDir) === null && lockHolder(lockFile(dataDir)) === null) return [];
  const stopped: ProcessName[] = [];
  const note = (name: ProcessName, wasRunning: boolean): void => {
    if (!wasRunning) return;
    stopped.push(name);
    report(`${name} stopped`);
  };
  if (livePid(dataDir, 'supervisor') !== process.pid) {
    // It stops everything itself, in order; what it leaves is stopped below.
    note('supervisor', await stopProcess(dataDir, 'supervisor', [{ signal: 'SIGTERM', graceMs: 90_000 }]));
  }
  const holder = lockHolder(lockFile(dataDir));
  if (holder !== null && holder.pid !== process.pid) process.kill(holder.pid, 'SIGTERM');
  await alone(
    dataDir,
    'stopping everything',
    async () => {
      for (const name of ['metering', 'registration'] as const) note(name, await stopSide(dataDir, name));
      stopped.push(...(await stopStack(dataDir, report)));
    },
    60_000,
  );
  return stopped;
}

function addressesOf(dataDir: string): StackAddresses {
  const addresses = readAddresses(dataDir);
  if (addresses === null) throw new Error('the servers are started first');
  return addresses;
}

function lockFile(dataDir: string): string {
  return path.join(dataDir, 'up.lock');
}

async function initialise(dataDir: string, signal: AbortSignal): Promise<void> {
  try {
    await runFile(process.execPath, [commandLineFile, 'init', '--config', configurationFile(dataDir), '--json'], {
      signal,
    });
  } catch (cause) {
    signal.throwIfAborted();
    const said = cause instanceof Error && 'stderr' in cause ? sentencesOf(String(cause.stderr)) : String(cause);
    throw new Fault(
      'misconfigured',
      'SET_UP_FAILED',
      `The servers run, but \`concord init\` failed: ${said}`,
      {},
      cause,
    );
  }
}

/** What a command said to a person: its log lines, which are JSON, left out. */
function sentencesOf(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('{'))
    .join('\n')
    .trim();
}

function timed(act: Step['run']): Step['run'] {
  return async (report) => {
    const begun = monotonicMs();
    const result = await act(report);
    return `${result} (${((monotonicMs() - begun) / 1000).toFixed(1)} s)`;
  };
}
