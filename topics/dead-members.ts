import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/**
 * Kafka waits for a member that was killed until its session ends, and with it waits everybody who joins: six seconds
 * in which nothing flows. A process that is started again in the place of a killed one knows better, because members
 * say in their client id on which host and in which process they are.
 */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** Tells this run of the process from one before with the same pid, as in a container that was restarted. */
  readonly run: string;
}

export const thisProcess: ProcessIdentity = {
  host: hostname(),
  pid: process.pid,
  run: randomBytes(4).toString('hex'),
};

export function memberClientId(clientId: string, { host, pid, run }: ProcessIdentity = thisProcess): string {
  return `${clientId}@${host}/${pid}/${run}`;
}

/**
 * Whether the member with this client id is certainly dead: it ran on this host, and its process is gone or is this
 * one in an earlier run. Of members on other hosts nothing is known. Being wrong (two machines with one name) costs a
 * rebalance and no more: who is put out joins again, and what is applied is guarded by positions.
 */
export function isDeadMember(
  clientId: string,
  isAlive: (pid: number) => boolean = processIsAlive,
  self: ProcessIdentity = thisProcess,
): boolean {
  const match = /@([^@/]+)\/(\d+)\/([0-9a-f]{8})$/.exec(clientId);
  const [, host, pidText, run] = match ?? [];
  if (host === undefined || pidText === undefined || host !== self.host) return false;
  const pid = Number(pidText);
  return pid === self.pid ? run !== self.run : !isAlive(pid);
}

function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it is there, but another user's.
    return cause instanceof Error && 'code' in cause && cause.code !== 'ESRCH';
  }
}
