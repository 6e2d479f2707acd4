import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { createLog } from '../../runtime/log.ts';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { appointmentTable, meteringPointTable } from './entities.ts';
import { KeyState } from './key-state.ts';
import { KnownKeys } from './known-keys.ts';
import { migrateMetering } from './migrate.ts';
import type { Version } from './versions.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').meteringUrl);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await migrateMetering(client, createLog('test', 'silent'));
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

beforeEach(async () => {
  await client.query('TRUNCATE metering.metering_point, metering.last_received');
});

function written(key: string): KeyState {
  const state = new KeyState(meteringPointTable, key, key, null, null, null);
  state.made = { items: { mpan_core: key } } as unknown as Version;
  return state;
}

async function opened(): Promise<KnownKeys> {
  const known = new KnownKeys('registration', 0);
  await known.refresh(client);
  return known;
}

describe('of a table that was empty when the lane was opened', () => {
  test('keys beyond all that were written are not asked for, and those up to it are', async () => {
    const known = await opened();
    expect(known.stored(meteringPointTable, new Set(['1', '2']))).toEqual([]);
    known.wrote([written('2'), written('1')]);
    expect(known.stored(meteringPointTable, new Set(['1', '2', '3']))).toEqual(['1', '2']);
    expect(known.stored(appointmentTable, new Set(['1']))).toEqual([]);
  });

  test('every key is asked for once the initial load is complete', async () => {
    const known = await opened();
    known.loaded();
    expect(known.stored(meteringPointTable, new Set(['1', '2']))).toEqual(['1', '2']);
  });
});

test('of a table with rows every key is asked for', async () => {
  await client.query(`INSERT INTO metering.metering_point (mpan_core) VALUES ('1')`);
  const known = await opened();
  expect(known.stored(meteringPointTable, new Set(['8', '9']))).toEqual(['8', '9']);
});

test('only keys in trouble of this lane are looked up, and those that come into it since', async () => {
  const insert = `INSERT INTO metering.last_received VALUES ($1, 'metering_point', $1, 'registration', $2, 't', 1, 1, 1, '{}')`;
  await client.query(insert, ['1', 0]);
  await client.query(insert, ['2', 1]);
  const known = await opened();
  const state = new KeyState(meteringPointTable, '3', '3', null, null, null);
  state.last = { topic: 't', generation: 1, lsn: 1, ordinal: 1, event: {} as never };
  known.wrote([state]);
  expect(known.inTrouble(new Set(['1', '2', '3', '4']))).toEqual(['1', '3']);
});
