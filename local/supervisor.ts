import { monotonicMs, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { heal } from './bring-up.ts';
import { forget, livePid, remember } from './processes.ts';

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

/**
 * Watches the processes of a stack until the signal aborts, and starts again what dies: at once the first time, then with a
 * growing pause for as long as it keeps dying. Says what it does.
 */
export async function supervise(dataDir: string, report: (line: string) => void, signal: AbortSignal): Promise<void> {
  remember(dataDir, 'supervisor', process.pid);
  let backOffMs = 0;
  let healedMs = monotonicMs();
  try {
    while (!signal.aborted) {
      try {
        const dead = await heal(dataDir, report, signal);
        if (dead.length > 0) {
          report(`${dead.join(', ')} started again`);
          healedMs = monotonicMs();
          backOffMs = nextBackOffMs(backOffMs);
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
    forget(dataDir, 'supervisor');
  }
}

function nextBackOffMs(backOffMs: number): number {
  return Math.min(Math.max(backOffMs * 2, backOffMinMs), backOffMaxMs);
}
