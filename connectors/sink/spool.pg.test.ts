import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { DecodedEvent, RecordType } from '../../avro/envelope.ts';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { eventOf, jsonDecoder } from './lane-merge.fixture.ts';
import type { EventHead } from './lane-partition.ts';
import { Spool } from './spool.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').meteringUrl);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

function headOf(topic: string, key: string, ordinal: number, recordType: RecordType = 'update'): EventHead {
  const event = eventOf({ lsn: 10, ordinal }, recordType);
  const value = Buffer.from(JSON.stringify(event));
  const laneEvent = { topic, partition: 3, offset: ordinal, key, event };
  return { kind: 'event', position: event.source, event: laneEvent, rank: topic === 'test.a' ? 1 : 2, value, bytes: 1 };
}

/** What comes out: slices of `topic key ordinal`. */
async function slicesOf(spool: Spool): Promise<string[][]> {
  const slices: string[][] = [];
  for await (const slice of spool.slices()) {
    slices.push(slice.map(({ topic, key, event }) => `${topic} ${key} ${event.source.ordinal}`));
  }
  return slices;
}

describe.each([
  { name: 'in memory', spillAfter: Number.POSITIVE_INFINITY },
  { name: 'in the store', spillAfter: 100 },
])('a large unit $name', ({ spillAfter }) => {
  async function spoolOf(heads: readonly EventHead[], sliceEvents: number): Promise<Spool> {
    const spool = new Spool(3, jsonDecoder<DecodedEvent>(), sliceEvents);
    for (let from = 0; from < heads.length; from += 50) {
      spool.add(heads.slice(from, from + 50));
      if (spool.events % spillAfter === 0) await spool.spill(client);
    }
    return spool;
  }

  async function inTransaction<T>(act: () => Promise<T>): Promise<T> {
    await client.query('BEGIN');
    const answer = await act();
    await client.query('COMMIT');
    return answer;
  }

  test('comes back whole, in slices that each have all events of their keys', async () => {
    const heads = Array.from({ length: 1_230 }, (_, index) => headOf('test.a', `k\u00fc${index % 400}`, index + 1));
    const slices = await inTransaction(async () => slicesOf(await spoolOf(heads, 100)));
    expect(slices.length).toBeGreaterThan(5);
    expect(slices.flat()).toHaveLength(1_230);
    expect(new Set(slices.flat()).size).toBe(1_230);
    const keys = slices.map((slice) => new Set(slice.map((text) => text.split(' ')[1])));
    expect(keys.reduce((sum, one) => sum + one.size, 0)).toBe(400);
  });

  test('is cut between records without a key, of which there may be any number', async () => {
    const heads = Array.from({ length: 1_000 }, (_, index) =>
      headOf('test.a', index % 4 === 0 ? `k${index}` : '', index + 1),
    );
    const slices = await inTransaction(async () => slicesOf(await spoolOf(heads, 100)));
    expect(slices.flat()).toHaveLength(1_000);
    expect(Math.max(...slices.map(({ length }) => length))).toBeLessThan(200);
    const keyless = slices.flat().filter((text) => text.split(' ')[1] === '');
    expect(keyless).toEqual(
      heads.filter(({ event }) => event.key === '').map(({ event }) => `test.a  ${event.event.source.ordinal}`),
    );
  });

  test('brings the events of a key in the order of their positions, in whichever topic and order they came', async () => {
    const heads = [
      headOf('test.b', 'key', 7),
      headOf('test.b', 'key', 9, 'create'),
      ...Array.from({ length: 200 }, (_, index) => headOf('test.a', `other${index}`, 100 + index)),
      headOf('test.a', 'key', 3),
      headOf('test.a', 'key', 8),
      headOf('test.a', 'key', 9, 'delete'),
    ];
    const slices = await inTransaction(async () => slicesOf(await spoolOf(heads, 10)));
    const ofKey = slices.flat().filter((text) => text.split(' ')[1] === 'key');
    expect(ofKey).toEqual(['test.a key 3', 'test.b key 7', 'test.a key 8', 'test.a key 9', 'test.b key 9']);
  });

  test('keeps truncates and events of reference topics apart, in order', async () => {
    const truncate = headOf('test.a', '__truncate__', 5, 'truncate');
    const reference: EventHead = { ...headOf('test.reference', 'r', 2), value: null };
    const spool = await spoolOf([truncate, headOf('test.a', 'key', 7), reference], 10);
    expect(spool.leading.map(({ key }) => key)).toEqual(['r', '__truncate__']);
    expect(spool.position.ordinal).toBe(2);
    expect((await slicesOf(spool)).flat()).toEqual(['test.a key 7']);
  });
});
