import { createServer } from 'node:net';
import type { Settings } from '../settings.ts';
import { finding, type Finding } from './finding.ts';

/** Each HTTP port is free, or already that of our side. */
export async function checkPorts(settings: Settings): Promise<readonly Finding[]> {
  const { host, registrationPort, meteringPort } = settings.http;
  const found = await Promise.all([
    checkPort(host, registrationPort, 'registration'),
    checkPort(host, meteringPort, 'metering'),
  ]);
  return found.flat();
}

async function checkPort(host: string, port: number, side: string): Promise<readonly Finding[]> {
  const refusal = port === 0 ? null : await listenFailure(host, port);
  if (refusal === null || (await sideAt(host, port)) === side) return [];
  const text = `The ${side} side can not listen on ${host}:${port}: ${refusal}.`;
  return [finding('HTTP', 'HTTP_PORT_IN_USE', text)];
}

/** Null when a server could listen there now. */
function listenFailure(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** The side that answers there, if one does. */
async function sideAt(host: string, port: number): Promise<string | null> {
  try {
    const response = await fetch(`http://${host}:${port}/status.json`, { signal: AbortSignal.timeout(2_000) });
    const answer: unknown = await response.json();
    return answer !== null && typeof answer === 'object' && 'side' in answer ? String(answer.side) : null;
  } catch {
    return null;
  }
}
