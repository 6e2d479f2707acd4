import pg from 'pg';
import { OneTrip } from '../../runtime/one-trip.ts';
import pino from 'pino';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import type { LaneDomain, LaneMoment, OutcomeDelta, Unit } from '../sink/contract.ts';
import { createMeteringDomain } from './domain.ts';
import { migrateMetering } from './migrate.ts';
import { defaultParameters } from './rules/parameters.ts';

export const silent = pino({ level: 'silent' });

/** A metering store of its own, with what tests ask of it. */
export interface TestStore {
  readonly database: TestDatabase;
  readonly client: pg.Client;
  domain(lane?: number, partitions?: number): LaneDomain;
  /** Applies units in one transaction, as the sink does. */
  apply(domain: LaneDomain, units: readonly Unit[], at: LaneMoment): Promise<readonly OutcomeDelta[]>;
  rows(sql: string): Promise<readonly Record<string, unknown>[]>;
  empty(): Promise<void>;
  close(): Promise<void>;
}

export async function openStore(serverUrl: string): Promise<TestStore> {
  const database = await freshDatabase(serverUrl);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await migrateMetering(client, silent);
  await client.query("SET timezone = 'UTC'; SET synchronous_commit = off");
  const rows = async (sql: string): Promise<readonly Record<string, unknown>[]> => (await client.query(sql)).rows;
  return {
    database,
    client,
    rows,
    domain: (lane = 0, partitions = 4) =>
      createMeteringDomain(
        { source: 'registration', partitions, ruleParameters: defaultParameters },
        { log: silent },
      )(lane),
    apply: (domain, units, at) => inTransaction(client, () => domain.apply(client, units, at)),
    empty: async () => {
      const tables = await rows(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'metering' AND tablename <> 'migration'",
      );
      await client.query(`TRUNCATE ${tables.map(({ name }) => String(name)).join(', ')}`);
    },
    close: async () => {
      await client.end();
      await database.drop();
    },
  };
}

export async function inTransaction<T>(client: pg.Client, act: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const answer = await act();
    // As a lane does it: with what is on its way still.
    const trip = OneTrip.on(client);
    const committed = trip.call({ name: 'fixture_commit', text: 'COMMIT' });
    trip.send();
    await committed;
    return answer;
  } catch (cause) {
    await client.query('ROLLBACK');
    throw cause;
  }
}
