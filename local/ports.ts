import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { portNames, type PortName } from './state.ts';

export type Ports = Readonly<Record<PortName, number>>;

/** Below the ports that systems give to outgoing connections, so that a kept port is not taken while its owner is down. */
const lowestPort = 15_000;
const highestPort = 29_999;

/** Every port: the given one, else the kept one, else a free one. */
export async function settlePorts(
  kept: Partial<Record<PortName, number>>,
  given: Partial<Record<PortName, number>>,
): Promise<Ports> {
  const taken = new Set<number>([...Object.values(kept), ...Object.values(given)]);
  const ports = { ...kept, ...given };
  for (const name of portNames) ports[name] ??= await freePort(taken);
  return ports as Ports;
}

/** A port on which nobody listens; it is added to `taken`. */
export async function freePort(taken: Set<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const port = randomInt(lowestPort, highestPort + 1);
    if (taken.has(port) || !(await isFree(port))) continue;
    taken.add(port);
    return port;
  }
  throw new Fault('misconfigured', 'NO_FREE_PORT', `No free port was found from ${lowestPort} to ${highestPort}.`);
}

/** True if a server could listen on this port of the loopback interface now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Throws PORT_IN_USE if somebody else listens on the port; a process of ours that just died gets a moment to let go. */
export async function demandFree(owner: PortName, port: number): Promise<void> {
  const untilMs = monotonicMs() + 2_000;
  while (!(await isFree(port))) {
    if (monotonicMs() > untilMs) {
      throw new Fault(
        'misconfigured',
        'PORT_IN_USE',
        `Port ${port}, which belongs to ${owner}, is in use by another program. ` +
          `Stop that program, or start with another port: concord up --port ${owner}=NUMBER.`,
        { process: owner, port },
      );
    }
    await pause(50);
  }
}
