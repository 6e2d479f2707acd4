import pg from 'pg';
import { createRegistrationSchema } from '../connectors/registration/schema.ts';
import { loadSample } from './generator/sample.ts';
import { openState, writeState } from './state.ts';

/** The sample is the same on every machine. */
export const sampleSeed = 20_260_401;

/** Remembers what a new data directory is to be filled with; what was wished first holds, even if that start was killed. */
export function wishSample(dataDir: string, points: number): void {
  const state = openState(dataDir);
  if (state.samplePoints === undefined) writeState(dataDir, { ...state, samplePoints: points });
}

/**
 * Makes the tables of a new registration database and fills them with the sample that was wished; one of 0 metering points
 * leaves every table empty. A database that was populated once is left as it is. Returns the rows that were loaded, null if
 * it was left.
 */
export async function populate(
  dataDir: string,
  registrationUrl: string,
  report: (line: string) => void,
): Promise<number | null> {
  const { populated, samplePoints: points = 0 } = openState(dataDir);
  if (populated) return null;
  const client = new pg.Client({ connectionString: registrationUrl, application_name: 'concord sample' });
  await client.connect();
  let rows = 0;
  try {
    await createRegistrationSchema(client);
    // The sample is one transaction, so that a kill leaves either nothing of it or all of it.
    const { rowCount } = await client.query('SELECT FROM registration.participant LIMIT 1');
    if (points > 0 && rowCount === 0) {
      const onProgress = (at: { readonly rows: number; readonly seconds: number }): void => {
        report(`${count(at.rows)} rows, ${count(at.rows / Math.max(at.seconds, 0.001))} a second`);
      };
      rows = (await loadSample(client, { points, seed: sampleSeed, onProgress })).rows;
    }
  } finally {
    await client.end();
  }
  writeState(dataDir, { ...openState(dataDir), populated: true });
  return rows;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}
