import { createServer } from 'node:net';
import type { Settings } from '../settings.ts';
import { finding, type Finding } from './finding.ts';

/** Each HTTP port is free, or already that of our side. */
export async function checkPorts(settings: Settings): Promise<readonly Finding[]> {
  const { host, registrationPort, meteringPort } = settings.http;
  const found = await Promise.all([
    checkPort(host, registrationPort, 'registration', settings.registration.name),
    checkPort(host, meteringPort, 'metering', settings.metering.name),
  ]);
  return found.flat();
}

async function checkPort(host: string, port: number, side: string, source: string): Promise<readonly Finding[]> {
  const refusal = port === 0 ? null : await listenFailure(host, port);
  if (refusal === null || (await sourceAt(host, port)) === source) return [];
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

/** The name of the source whose side answers there, if one does: another Concord on this host is not ours. */
async function sourceAt(host: string, port: number): Promise<string | null> {
  try {
    const response = await fetch(`http://${host}:${port}/status.json`, { signal: AbortSignal.timeout(2_000) });
    const answer = (await response.json()) as { readonly source?: { readonly name?: string } } | null;
    return answer?.source?.name ?? null;
  } catch {
    return null;
  }
}
