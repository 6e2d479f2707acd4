import { Fault } from '../../runtime/fault.ts';
import { Lanes } from './lanes.ts';
import type { SinkDependencies, SinkSettings } from './settings.ts';
import { SourceView } from './source-view.ts';

/**
 * Topics → one transaction per batch: effects, outcomes and positions together.
 *
 * The subscriber gives lanes and fills their buffers; each lane merges its partitions into the source's commit order,
 * cuts it into source transactions, and has its domain apply what is complete. The follower tells all lanes how far
 * each partition is known (progress) and what holds besides (reference data).
 *
 * Resolves when the signal has aborted and everything is closed. Rejects with the first fault, everything closed; a
 * batch whose commit has no answer is such a fault, and the next start reads in the store whether it happened.
 */
export async function runSink(
  settings: SinkSettings,
  dependencies: SinkDependencies,
  signal: AbortSignal,
): Promise<void> {
  assertRoomForLanes(settings, dependencies);
  const subscriber = dependencies.openSubscriber();
  const follower = dependencies.openFollower();
  const ending = new AbortController();
  let close = async (): Promise<void> => {};
  try {
    await new Promise<void>((resolve, reject) => {
      const view = new SourceView(settings, dependencies, () => lanes.wake(), reject);
      const lanes = new Lanes(settings, dependencies, view, subscriber, reject);
      close = () => lanes.close();
      signal.addEventListener('abort', () => resolve(), { signal: ending.signal });
      const follow = async (): Promise<void> => {
        await follower.start((batch) => view.receive(batch), reject);
        if (!ending.signal.aborted) await subscriber.start(lanes);
      };
      if (signal.aborted) resolve();
      else follow().catch(reject);
    });
  } finally {
    ending.abort();
    await Promise.allSettled([close(), subscriber.stop(), follower.stop()]);
  }
}

function assertRoomForLanes({ partitions }: SinkSettings, { pool }: SinkDependencies): void {
  const max = pool.options.max;
  if (max >= partitions) return;
  throw new Fault(
    'misconfigured',
    'POOL_TOO_SMALL',
    `Each of the ${partitions} lanes keeps a connection, but the pool has only ${max}. Raise it to at least ${partitions}.`,
    { partitions, max },
  );
}
