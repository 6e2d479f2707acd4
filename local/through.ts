import pg from 'pg';
import { parseLsn } from '../avro/position.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { demandBothRun, describer, readiness, type SideName } from './sides.ts';
import type { StackAddresses } from './stack.ts';

const tellIntervalMs = 1_000;

/**
 * Waits until everything that is committed in the registration database by now is applied in the metering store, and what the
 * metering side answered to it is back in the registration database. False if that is not so after `timeoutMs`.
 */
export async function untilThrough(
  dataDir: string,
  addresses: StackAddresses,
  report: (line: string) => void,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const untilMs = monotonicMs() + timeoutMs;
  const describe = describer();
  let toldMs = monotonicMs();
  const passed = async (source: SideName, reader: SideName, lsn: number): Promise<boolean> => {
    while (monotonicMs() < untilMs) {
      demandBothRun(dataDir);
      const sides = await readiness(dataDir);
      const lanes = sides[reader]?.sink.lanes ?? [];
      const published = (sides[source]?.source.watermark ?? 0) >= lsn;
      if (published && lanes.length > 0 && lanes.every((lane) => lane.position.lsn >= lsn)) return true;
      if (monotonicMs() - toldMs >= tellIntervalMs) {
        report(describe(sides));
        toldMs = monotonicMs();
      }
      await pause(50, signal);
      signal.throwIfAborted();
    }
    return false;
  };
  // The order matters: the store's answers are all committed before the end of its WAL is read.
  const there = await passed('registration', 'metering', await endOfWal(addresses.registrationUrl));
  return there && (await passed('metering', 'registration', await endOfWal(addresses.meteringUrl)));
}

/** An LSN after everything that is committed; the message moves an idle source to it. */
async function endOfWal(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ lsn: string }>(
      `SELECT pg_logical_emit_message(false, 'concord.point', '', true)::text AS lsn`,
    );
    return parseLsn(rows[0]?.lsn ?? '0/0');
  } finally {
    await client.end();
  }
}
