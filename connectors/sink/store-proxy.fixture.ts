import { connect, createServer, type Socket } from 'node:net';

export interface StoreProxy {
  /** The database's address through the proxy. */
  readonly url: string;
  /** Cuts the connection at the next commit of events: before the server sees it, or before its answer is seen. */
  cutNextCommit(when: 'before' | 'after'): void;
  close(): Promise<void>;
}

/** A TCP proxy in front of PostgreSQL that can lose a commit, or the answer to one. */
export async function openStoreProxy(databaseUrl: string): Promise<StoreProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let cut: 'before' | 'after' | null = null;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let answerIsLost = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (bytes) => {
      // Only events have outcomes: an idle lane, which moves its position now and then, commits without.
      if (cut !== null && bytes.includes('concord_commit') && bytes.includes('concord_lane_outcomes')) {
        if (cut === 'before') end();
        else answerIsLost = true;
        cut = null;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (answerIsLost) end();
      else client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(address.port);
  return {
    url: url.href,
    cutNextCommit: (when) => {
      cut = when;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
