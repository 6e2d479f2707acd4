import pg from 'pg';
import { pause } from '../runtime/clock.ts';
import { generateChanges, type ChangeOptions } from './generator/living/generate-changes.ts';
import type { ChangeSummary } from './generator/living/tally.ts';
import { sampleSeed } from './populate.ts';

/** Writes changes of a living registration database, until their count or the signal ends it. */
export async function liveOn(registrationUrl: string, options: Omit<ChangeOptions, 'seed'>): Promise<ChangeSummary> {
  const client = new pg.Client({
    connectionString: registrationUrl,
    application_name: 'concord generate',
    pipeline: true,
  });
  client.on('error', () => {
    // The statement under way fails, and tells it.
  });
  await client.connect();
  try {
    return await generateChanges(client, { ...options, seed: sampleSeed });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The same until the signal aborts, whatever happens to the database meanwhile. */
export async function liveOnRegardless(
  registrationUrl: string,
  options: Omit<ChangeOptions, 'seed' | 'signal' | 'count' | 'seconds'>,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await liveOn(registrationUrl, { ...options, signal });
    } catch (error) {
      if (signal.aborted) return;
      report(
        `the stream of changes is interrupted (${error instanceof Error ? error.message : String(error)}); it goes on in 2 s`,
      );
      await pause(2_000, signal);
    }
  }
}
