import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { heal, healSides } from './bring-up.ts';
import { checkoutDirectory, commandLineFile } from './checkout.ts';
import { forget, launch, livePid, type ProcessName, remember, stopProcess } from './processes.ts';
import { readState } from './state.ts';

const lookIntervalMs = 500;
const backOffMinMs = 500;
const backOffMaxMs = 30_000;

/** Throws if another process supervises this data directory. */
export function demandNoSupervisor(dataDir: string): void {
  const pid = livePid(dataDir, 'supervisor');
  if (pid === null || pid === process.pid) return;
  throw new Fault(
    'misconfigured',
    'STACK_SUPERVISED',
    `Process ${pid} supervises ${dataDir} already. Use \`concord up --detach\` to wait until it is ready, or \`concord down\` to stop it.`,
    { pid },
  );
}

/** Leaves a process behind that starts a side again whenever it ends, unless somebody supervises already. */
export function startSupervisor(dataDir: string): void {
  if (livePid(dataDir, 'supervisor') !== null) return;
  writeFileSync(sidesOnlyFile(dataDir), '');
  launch(dataDir, {
    name: 'supervisor',
    command: process.execPath,
    args: ['--max-old-space-size=32', commandLineFile, 'supervise', '--data-dir', dataDir],
    directory: checkoutDirectory,
  });
}

/** Ends what `startSupervisor` has left behind, for somebody who supervises everything. Nothing else stops by that. */
export async function stopSidesSupervisor(dataDir: string): Promise<void> {
  if (!existsSync(sidesOnlyFile(dataDir))) return;
  await stopProcess(dataDir, 'supervisor', [{ signal: 'SIGTERM', graceMs: 5_000 }]);
  rmSync(sidesOnlyFile(dataDir), { force: true });
}

/**
 * Watches the processes of a stack until the signal aborts, and starts again what dies: at once the first time, then with a
 * growing pause for as long as it keeps dying. Says what it does.
 */
export async function supervise(dataDir: string, report: (line: string) => void, signal: AbortSignal): Promise<void> {
  rmSync(sidesOnlyFile(dataDir), { force: true });
  await watch(dataDir, heal, report, signal);
}

/**
 * The same of the two sides alone, whose watchdogs count on it. A server that somebody has stopped stays stopped until
 * the next `concord up`. Ends by itself when the data directory is gone.
 */
export async function superviseSides(
  dataDir: string,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  const healing: typeof healSides = async (directory, tell, stop) => {
    if (readState(directory) !== null) return healSides(directory, tell, stop);
    gone.abort();
    return [];
  };
  await watch(dataDir, healing, report, AbortSignal.any([signal, gone.signal]));
}

type Healing = (
  dataDir: string,
  report: (line: string) => void,
  signal: AbortSignal,
) => Promise<readonly ProcessName[]>;

async function watch(
  dataDir: string,
  healing: Healing,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  remember(dataDir, 'supervisor', process.pid);
  let backOffMs = 0;
  let healedMs = monotonicMs();
  try {
    while (!signal.aborted) {
      try {
        const dead = await healing(dataDir, report, signal);
        if (dead.length > 0) {
          healedMs = monotonicMs();
          backOffMs = nextBackOffMs(backOffMs);
          report(
            `${dead.join(', ')} started again; should that end within ${backOffMaxMs / 1000} s, the next start waits ${(backOffMs / 1000).toFixed(1)} s`,
          );
        } else if (monotonicMs() - healedMs > backOffMaxMs) {
          backOffMs = 0;
        }
        await pause(dead.length > 0 ? backOffMs : lookIntervalMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        backOffMs = nextBackOffMs(backOffMs);
        const why = error instanceof Error ? error.message : String(error);
        report(`It could not be started (trying again in ${(backOffMs / 1000).toFixed(1)} s): ${why}`);
        await pause(backOffMs, signal);
      }
    }
  } finally {
    if (livePid(dataDir, 'supervisor') === process.pid) forget(dataDir, 'supervisor');
  }
}

function nextBackOffMs(backOffMs: number): number {
  return Math.min(Math.max(backOffMs * 2, backOffMinMs), backOffMaxMs);
}

/** Tells the one who supervises the sides alone from a `concord up` in the foreground, which stops everything when it ends. */
function sidesOnlyFile(dataDir: string): string {
  return path.join(dataDir, 'run', 'supervises-sides');
}
