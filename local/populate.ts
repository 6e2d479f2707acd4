import pg from 'pg';
import { createRegistrationSchema } from '../connectors/registration/schema.ts';
import { loadSample } from './generator/sample.ts';
import { openState, writeState } from './state.ts';

/** The sample is the same on every machine. */
export const sampleSeed = 20_260_401;

/**
 * Makes the tables of a new registration database and fills them with a sample of that many metering points; 0 leaves every
 * table empty. A database that was populated once is left as it is. Returns the rows that were loaded, null if it was left.
 */
export async function populate(
  dataDir: string,
  registrationUrl: string,
  points: number,
  report: (line: string) => void,
): Promise<number | null> {
  if (openState(dataDir).populated) return null;
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
  writeState(dataDir, { ...openState(dataDir), populated: true, samplePoints: points });
  return rows;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}
