import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy before a real server, which can be away: open connections are cut, and new ones are at once. */
export class AwayProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isAway = false;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((client) => {
      if (this.#isAway) {
        client.destroy();
        return;
      }
      const server = connect(target);
      const end = (): void => {
        for (const socket of [client, server]) {
          this.#sockets.delete(socket);
          socket.destroy();
        }
      };
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on('error', end).on('close', end);
      }
      client.pipe(server);
      server.pipe(client);
    });
  }

  static async open(host: string, port: number): Promise<AwayProxy> {
    const proxy = new AwayProxy({ host, port });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The URL through the proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String(this.port);
    return changed.href;
  }

  goAway(): void {
    this.#isAway = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  comeBack(): void {
    this.#isAway = false;
  }

  async close(): Promise<void> {
    this.goAway();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
