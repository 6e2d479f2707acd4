import { z } from 'zod';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { checkoutDirectory, commandLineFile } from './checkout.ts';
import { configurationFile } from './configuration-file.ts';
import { demandFree } from './ports.ts';
import { launch, livePid, logEnd, logFile, stopProcess } from './processes.ts';
import { readState } from './state.ts';

/** The connectors of one side, both directions, are one process. */
export type SideName = 'registration' | 'metering';
export const sideNames: readonly SideName[] = ['registration', 'metering'];

/**
 * Node takes memory as long as there is some. A side's own data is bounded, so its heap can be too: it stays far below
 * 300 MB while a transaction of a million rows goes through.
 */
const heapLimits: Readonly<Record<SideName, readonly string[]>> = {
  // What the source makes of a change lives in blocks outside of the heap: a smaller young generation costs it nothing.
  registration: ['--max-old-space-size=128', '--max-semi-space-size=4'],
  // A batch of the sink is mostly gone before it would be copied twice, and what little stays of it is not worth a full
  // collection ten times a second.
  metering: ['--max-old-space-size=128', '--max-semi-space-size=16', '--heap-growing-percent=100'],
};

const tellIntervalMs = 1_000;
/** A broker that recovers after a kill may keep the sides waiting for a minute. */
const standstillMaxMs = 180_000;
const textLengthMax = 160;

const statusSchema = z.object({
  ready: z.boolean(),
  text: z.string(),
  source: z.object({ captured: z.record(z.string(), z.number()), watermark: z.number() }),
  sink: z.object({
    lanes: z.array(z.object({ position: z.object({ lsn: z.number() }) })),
    lagEvents: z.number(),
  }),
});

/** What a side answers on `/status.json`, as far as a start waits for it: `ready` once its initial load is complete. */
export type SideStatus = z.infer<typeof statusSchema>;
export type BothStatus = Readonly<Record<SideName, SideStatus | null>>;

/** Starts the connectors of a side if they do not run. Returns true if they had to be started. */
export async function startSide(dataDir: string, name: SideName): Promise<boolean> {
  if (livePid(dataDir, name) !== null) return false;
  await demandFree(name, portOf(dataDir, name));
  launch(dataDir, {
    name,
    command: process.execPath,
    args: [...heapLimits[name], commandLineFile, 'run', name, '--config', configurationFile(dataDir)],
    directory: checkoutDirectory,
  });
  return true;
}

/** A side that is asked to stop finishes its transaction, closes its clients and ends. */
export function stopSide(dataDir: string, name: SideName): Promise<boolean> {
  return stopProcess(dataDir, name, [{ signal: 'SIGTERM', graceMs: 20_000 }]);
}

/** What both sides say of themselves; null for one that does not answer. */
export async function readiness(dataDir: string): Promise<BothStatus> {
  const [registration, metering] = await Promise.all([
    statusOf(dataDir, 'registration'),
    statusOf(dataDir, 'metering'),
  ]);
  return { registration, metering };
}

/**
 * Waits until the initial load is complete on both sides, for as long as something moves. A side that ends meanwhile is a
 * fault with the end of its log, and so is a load that stands still, with what the sides say about it.
 */
export async function untilSidesReady(
  dataDir: string,
  report: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const describe = describer();
  let told = '';
  let toldMs = monotonicMs();
  let changedMs = toldMs;
  for (;;) {
    const sides = await readiness(dataDir);
    if (sideNames.every((name) => sides[name]?.ready === true)) return;
    demandBothRun(dataDir);
    const nowMs = monotonicMs();
    if (nowMs - toldMs >= tellIntervalMs) {
      const line = describe(sides);
      if (line !== told) {
        report(line);
        changedMs = nowMs;
      }
      told = line;
      toldMs = nowMs;
    }
    if (nowMs - changedMs > standstillMaxMs) {
      throw new Fault(
        'unavailable',
        'STACK_NOT_READY',
        `The initial load stands still: ${told}. The logs are in ${dataDir}/logs.`,
      );
    }
    await pause(100, signal);
    signal?.throwIfAborted();
  }
}

/** Throws if a side has ended. */
export function demandBothRun(dataDir: string): void {
  for (const name of sideNames) {
    if (livePid(dataDir, name) !== null) continue;
    throw new Fault(
      'unavailable',
      'PROCESS_DID_NOT_START',
      `${name} ended. The end of ${logFile(dataDir, name)}:\n${logEnd(dataDir, name)}`,
      {
        process: name,
      },
    );
  }
}

/** Tells what is published and what of it is stored, and the rate of storing since the last time it was asked. */
export function describer(): (sides: BothStatus) => string {
  let lastStored: number | null = null;
  let lastMs = monotonicMs();
  return ({ registration, metering }) => {
    if (registration === null || metering === null) return 'the connectors are starting';
    const captured = Object.values(registration.source.captured).reduce((sum, events) => sum + events, 0);
    // Counted from the waiting ones: what a process has applied begins at 0 again when its leg is started again.
    const stored = metering.sink.lanes.length === 0 ? 0 : Math.max(0, captured - metering.sink.lagEvents);
    const rate = ((stored - (lastStored ?? stored)) * 1_000) / Math.max(1, monotonicMs() - lastMs);
    lastStored = stored;
    lastMs = monotonicMs();
    const figures = `${count(captured)} events on the topics, ${count(stored)} in the store (${count(Math.max(0, rate))} a second)`;
    return `${figures} · registration: ${shorten(registration.text)} · metering: ${shorten(metering.text)}`;
  };
}

function shorten(text: string): string {
  return text.length <= textLengthMax ? text : `${text.slice(0, textLengthMax)}…`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

async function statusOf(dataDir: string, name: SideName): Promise<SideStatus | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${portOf(dataDir, name)}/status.json`, {
      signal: AbortSignal.timeout(5_000),
    });
    return statusSchema.parse(await response.json());
  } catch {
    return null;
  }
}

function portOf(dataDir: string, name: SideName): number {
  const port = readState(dataDir)?.ports[name];
  if (port === undefined) throw new Error(`the port of ${name} is not settled`);
  return port;
}
