import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { Fault } from '../../runtime/fault.ts';
import type { Liveness } from './liveness.ts';
import { snapshotOf } from './status-document.ts';
import type { Side } from './side.ts';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Pages = Readonly<Record<string, () => Answer | Promise<Answer>>>;

/**
 * `/healthz`, `/metrics`, `/status.json`. Resolves with the port that it listens on. Node's own server is enough for
 * three pages; a framework was a fifth of what a side had to load before it could begin.
 */
export async function serveHttp(
  side: Side,
  liveness: Liveness,
  metrics: Registry,
  host: string,
  port: number,
): Promise<{ port: number; close(): Promise<void> }> {
  const pages: Pages = {
    '/healthz': () => {
      const problems = liveness.problems();
      return json(problems.length === 0 ? 200 : 503, { healthy: problems.length === 0, problems });
    },
    '/metrics': async () => ({ status: 200, type: metrics.contentType, body: await metrics.metrics() }),
    '/status.json': () => json(200, snapshotOf(side, liveness)),
  };
  const server = createServer((request, response) => void answer(pages, request, response));
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new Fault(
      'misconfigured',
      'HTTP_PORT_IN_USE',
      `The HTTP port ${port} of the ${side.name} side can not be opened: ${error instanceof Error ? error.message : String(error)}.`,
      { port, host },
      error,
    );
  }
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(pages: Pages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, type, body } = await pageOf(pages, request);
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function pageOf(pages: Pages, { method = 'GET', url = '/' }: IncomingMessage): Promise<Answer> {
  const page = pages[new URL(url, 'http://localhost').pathname];
  if (page === undefined) return json(404, { error: `There is only ${Object.keys(pages).join(', ')}.` });
  if (method !== 'GET' && method !== 'HEAD') return json(405, { error: 'These pages can only be read.' });
  try {
    return await page();
  } catch (error) {
    return json(500, { error: error instanceof Error ? error.message : String(error) });
  }
}

function json(status: number, document: unknown): Answer {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(document) };
}
