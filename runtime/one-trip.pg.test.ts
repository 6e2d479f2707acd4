import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { OneTrip, type Statement } from './one-trip.ts';

let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: inject('stack').meteringUrl });
  await client.connect();
  await client.query('CREATE TEMPORARY TABLE line (id int PRIMARY KEY, text text)');
});

afterAll(async () => {
  await client.end();
});

const begin: Statement = { name: 'one_trip_begin', text: 'BEGIN' };
const rollback: Statement = { name: 'one_trip_rollback', text: 'ROLLBACK' };
const add: Statement = { name: 'one_trip_add', text: 'INSERT INTO line VALUES ($1, $2)' };
const lines: Statement = { name: 'one_trip_lines', text: 'SELECT id, text FROM line ORDER BY id' };
const wrong: Statement = { name: 'one_trip_wrong', text: 'SELECT nothing FROM nowhere' };

test('statements that are called go together, in their order, each with its own answer', async () => {
  const trip = OneTrip.on(client);
  const [begun, added, read, back] = [
    trip.call(begin),
    trip.call(add, ['1', null]),
    trip.call(lines),
    trip.call(rollback),
  ];
  trip.send();
  expect(await Promise.all([begun, added, read, back])).toEqual([
    { rows: [], done: 'BEGIN' },
    { rows: [], done: 'INSERT 0 1' },
    { rows: [['1', null]], done: 'SELECT 1' },
    { rows: [], done: 'ROLLBACK' },
  ]);
  trip.send();
});

test('what waits goes before the next query of another kind', async () => {
  const trip = OneTrip.on(client);
  const added = trip.call(add, ['2', 'two']);
  const { rows } = await client.query('SELECT text FROM line');
  expect([rows, (await added).done]).toEqual([[{ text: 'two' }], 'INSERT 0 1']);
  await client.query('TRUNCATE line');
});

test('the first failure rejects what follows it, keeps what came before out of the table, and spares the next trip', async () => {
  const trip = OneTrip.on(client);
  const first: Statement = { ...add, name: 'one_trip_first' };
  const last: Statement = { ...lines, name: 'one_trip_last' };
  const [added, failed, never] = [trip.call(first, ['3', 'three']), trip.call(wrong), trip.call(last)];
  trip.send();
  expect(await added).toMatchObject({ done: 'INSERT 0 1' });
  await expect(failed).rejects.toThrow('nowhere');
  await expect(never).rejects.toThrow('nowhere');
  // A statement that the failed trip has prepared, and one that it has not.
  const [again, read] = [trip.call(first, ['4', 'four']), trip.call(last)];
  trip.send();
  await again;
  expect((await read).rows).toEqual([['4', 'four']]);
  const twice = trip.call(first, ['4', 'again']);
  trip.send();
  await expect(twice).rejects.toThrow('duplicate');
  const other = trip.call(first, ['5', 'five']);
  trip.send();
  expect(await other).toMatchObject({ done: 'INSERT 0 1' });
});

test('a connection that is gone rejects what was sent and what is sent later', async () => {
  const lost = new pg.Client({ connectionString: inject('stack').meteringUrl });
  await lost.connect();
  lost.on('error', () => {});
  const { rows } = await lost.query('SELECT pg_backend_pid() AS pid');
  const trip = OneTrip.on(lost);
  const sleeping = trip.call({ name: 'one_trip_sleep', text: 'SELECT pg_sleep(600)' });
  trip.send();
  await client.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await expect(sleeping).rejects.toThrow(/terminat/);
  const later = trip.call(lines);
  trip.send();
  await expect(later).rejects.toThrow();
});
