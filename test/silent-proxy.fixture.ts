import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Passage {
  /** The first bytes that the client sent: PostgreSQL's startup message, with user, database and application_name. */
  greeting: string;
  silent: boolean;
}

/** A TCP proxy before a real server, which can go silent: connections stay open, and nothing passes any more. */
export class SilentProxy {
  readonly #server: Server;
  readonly #passages = new Map<Passage, readonly Socket[]>();
  #port = 0;
  #newOnesToo: ((greeting: string) => boolean) | null = null;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((client) => this.#relay(client, connect(target)));
  }

  /** Before the server of a URL. */
  static async open(url: string): Promise<SilentProxy> {
    const { hostname, port } = new URL(url);
    const proxy = new SilentProxy({ host: hostname, port: Number(port) });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.#port = (proxy.#server.address() as AddressInfo).port;
    return proxy;
  }

  /** The URL through the proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String(this.#port);
    return changed.href;
  }

  /** The connections that are open now and began with such a greeting fall silent for ever. Returns how many. */
  silence(concerns: (greeting: string) => boolean): number {
    const found = [...this.#passages.keys()].filter(({ greeting }) => concerns(greeting));
    for (const passage of found) passage.silent = true;
    return found.length;
  }

  /** The same, and those that are opened until `hear`. */
  silenceAll(concerns: (greeting: string) => boolean): void {
    this.silence(concerns);
    this.#newOnesToo = concerns;
  }

  hear(): void {
    this.#newOnesToo = null;
  }

  async close(): Promise<void> {
    for (const sockets of this.#passages.values()) for (const socket of sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #relay(client: Socket, server: Socket): void {
    const passage: Passage = { greeting: '', silent: false };
    this.#passages.set(passage, [client, server]);
    const end = (): void => {
      this.#passages.delete(passage);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    client.on('data', (bytes) => {
      if (passage.greeting.length < 1_000) passage.greeting += bytes.toString('latin1');
      if (this.#newOnesToo?.(passage.greeting) === true) passage.silent = true;
      if (!passage.silent) server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (!passage.silent) client.write(bytes);
    });
  }
}
