import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** Keys of Kafka's requests. */
export const apis = { produce: 0, fetch: 1, addPartitions: 24, endTransaction: 26 } as const;

/**
 * What happens to a request, or its answer:
 * `lose-response`: the broker does it, the client never hears of it and the connection breaks;
 * `swallow-response`: the same, but the connection stays;
 * `kill-before`: the connection breaks before the broker sees it.
 */
export type Mishap = 'lose-response' | 'swallow-response' | 'kill-before';

interface Planned {
  readonly api: number;
  readonly mishap: Mishap;
  skip: number;
  readonly happened: () => void;
}

/** A TCP proxy before the real broker, which understands frames well enough to know one request from another. */
export class BrokerProxy {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #planned: Planned[] = [];
  #holding = false;
  port = 0;
  /** Keys of the requests that have come, in order. */
  readonly requests: number[] = [];

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#relay(client));
  }

  static async open(broker: string): Promise<BrokerProxy> {
    const [host = '127.0.0.1', port = '9092'] = broker.split(':');
    const proxy = new BrokerProxy({ host, port: Number(port) });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    const address = proxy.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    proxy.port = address.port;
    return proxy;
  }

  /** For `KafkaSettings.redirect`: whatever the broker advertises is reached through here. */
  readonly redirect = (): { host: string; port: number } => ({ host: '127.0.0.1', port: this.port });

  /** Lets it happen once, to the request of that kind after the next `skip`. Resolves when it has happened. */
  plan(api: number, mishap: Mishap, skip = 0): Promise<void> {
    return new Promise((happened) => {
      this.#planned.push({ api, mishap, skip, happened });
    });
  }

  /** The broker hangs: nothing passes any more, in either direction, and no connection breaks. */
  hold(): void {
    this.#holding = true;
  }

  /** The broker answers again; what it was asked meanwhile it never heard. */
  release(): void {
    this.#holding = false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #relay(client: Socket): void {
    const broker = connect(this.#target);
    const swallowed = new Set<number>();
    const lost = new Set<number>();
    const cut = (): void => {
      client.destroy();
      broker.destroy();
    };
    for (const socket of [client, broker]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', cut);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    client.on(
      'data',
      frames((frame) => {
        if (this.#holding) return;
        this.requests.push(frame.readInt16BE(4));
        const mishap = this.#mishapOf(frame.readInt16BE(4));
        if (mishap === 'kill-before') return cut();
        const correlation = frame.readInt32BE(8);
        if (mishap === 'swallow-response') swallowed.add(correlation);
        if (mishap === 'lose-response') lost.add(correlation);
        broker.write(frame);
      }),
    );
    broker.on(
      'data',
      frames((frame) => {
        if (this.#holding) return;
        const correlation = frame.readInt32BE(4);
        if (lost.has(correlation)) return cut();
        if (!swallowed.delete(correlation)) client.write(frame);
      }),
    );
  }

  #mishapOf(api: number): Mishap | null {
    const planned = this.#planned.find((one) => one.api === api);
    if (planned === undefined) return null;
    if (planned.skip-- > 0) return null;
    this.#planned = this.#planned.filter((one) => one !== planned);
    planned.happened();
    return planned.mishap;
  }
}

/** Cuts a stream of bytes into frames: an int32 length, and so many bytes. */
function frames(take: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      take(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  };
}
