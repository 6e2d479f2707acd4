import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The real registry, but for the times when it is down (then it answers to nobody), and for schemas that it hides. */
export class RegistryProxy {
  readonly server: Server;
  readonly url: string;
  isDown = false;
  /** Ids that it says it does not have. */
  readonly hidden = new Set<number>();

  private constructor(server: Server, url: string) {
    this.server = server;
    this.url = url;
  }

  static async to(registryUrl: string): Promise<RegistryProxy> {
    const target = new URL(registryUrl);
    const server = createServer((incoming, outgoing) => {
      if (proxy.isDown) {
        incoming.socket.destroy();
        return;
      }
      const id = /\/schemas\/ids\/(\d+)/.exec(incoming.url ?? '')?.[1];
      if (id !== undefined && proxy.hidden.has(Number(id))) {
        outgoing.writeHead(404, { 'content-type': 'application/json' });
        outgoing.end(JSON.stringify({ error_code: 40403, message: 'Schema not found' }));
        return;
      }
      const onward = request(
        {
          host: target.hostname,
          port: target.port,
          path: incoming.url,
          method: incoming.method,
          headers: { ...incoming.headers, host: target.host },
        },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        },
      );
      onward.on('error', () => incoming.socket.destroy());
      incoming.pipe(onward);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const proxy = new RegistryProxy(server, `http://127.0.0.1:${port}${target.pathname}`);
    return proxy;
  }
}
