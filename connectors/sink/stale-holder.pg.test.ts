import { once } from 'node:events';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { OneTrip } from '../../runtime/one-trip.ts';
import { AppliedPosition } from './applied-position.ts';
import { pastStaleHolder } from './stale-holder.ts';
import { sinkTables } from './tables.ts';

let database: TestDatabase;
let holder: pg.Client;
let successor: pg.Client;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').meteringUrl);
  holder = new pg.Client({ connectionString: database.url });
  holder.on('error', () => {});
  successor = new pg.Client({ connectionString: database.url });
  await Promise.all([holder.connect(), successor.connect()]);
  await successor.query(sinkTables('metering'));
});

afterAll(async () => {
  await Promise.allSettled([holder.end(), successor.end()]);
  await database.drop();
});

test('a process that stands still in the middle of a batch, and never says so, loses the lane to its successor', async () => {
  const position = (): AppliedPosition => new AppliedPosition('metering', 'source', 1, 'TEST', []);
  const stale = position();
  await stale.open(holder, []);
  const begun = stale.begin(holder);
  OneTrip.on(holder).send();
  await begun;
  // As a process that is stopped while it sends rows: no time limit of an idle session ends this.
  await holder.query('CREATE TEMPORARY TABLE sent (line text)');
  const sending = holder.query(copyFrom('COPY sent FROM STDIN'));
  const broken = once(sending, 'error');
  let ended = 0;
  const { through } = await pastStaleHolder(
    successor,
    { schema: 'metering', source: 'source', lane: 1 },
    () => position().open(successor, []),
    () => {
      ended += 1;
    },
  );
  expect([ended, through.lsn]).toEqual([1, 0]);
  expect((await broken)[0]).toMatchObject({ message: expect.stringMatching(/terminat/) as string });
  expect((await successor.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '0' }]);
});
