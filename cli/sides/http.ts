import Fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { Fault } from '../../runtime/fault.ts';
import type { Liveness } from './liveness.ts';
import { snapshotOf } from './status-document.ts';
import type { Side } from './side.ts';

/** `/healthz`, `/metrics`, `/status.json`. Resolves with the port that it listens on. */
export async function serveHttp(
  side: Side,
  liveness: Liveness,
  metrics: Registry,
  host: string,
  port: number,
): Promise<{ port: number; close(): Promise<void> }> {
  const server: FastifyInstance = Fastify({ logger: false, forceCloseConnections: true });
  server.get('/healthz', async (_request, reply) => {
    const problems = liveness.problems();
    await reply.code(problems.length === 0 ? 200 : 503).send({ healthy: problems.length === 0, problems });
  });
  server.get('/metrics', async (_request, reply) => {
    await reply.type(metrics.contentType).send(await metrics.metrics());
  });
  server.get('/status.json', async (_request, reply) => {
    await reply.send(snapshotOf(side, liveness));
  });
  try {
    const address = await server.listen({ host, port });
    return { port: Number(new URL(address).port), close: () => server.close() };
  } catch (error) {
    throw new Fault(
      'misconfigured',
      'HTTP_PORT_IN_USE',
      `The HTTP port ${port} of the ${side.name} side can not be opened: ${error instanceof Error ? error.message : String(error)}.`,
      { port, host },
      error,
    );
  }
}
