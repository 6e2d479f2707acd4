import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { DecodedEvent, RecordType } from '../../avro/envelope.ts';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import type { LaneEvent, LaneMoment, Unit } from '../sink/contract.ts';
import { largeUnitOf } from '../sink/large-unit.fixture.ts';
import { createInboxDomain } from './inbox.ts';
import { inboxTables } from './inbox-tables.ts';

const moment: LaneMoment = {
  source: 'metering',
  lane: 0,
  through: { generation: 1, lsn: 1, ordinal: 1 },
  sourceTime: 0,
  loadCompleteAt: null,
};
const raisedAt = 1_763_841_600_123_456;

let database: TestDatabase;
let client: pg.Client;
let offset = 0;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').registrationUrl);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(inboxTables);
  await client.query(inboxTables);
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

beforeEach(async () => {
  await client.query('TRUNCATE inbox.rejection, inbox.receipt');
});

function event(topic: string, recordType: RecordType, items: Readonly<Record<string, unknown>>): LaneEvent {
  offset += 1;
  const decoded: DecodedEvent = {
    recordType,
    senderId: 'MSVA',
    createdAt: raisedAt,
    correlationId: null,
    source: {
      name: 'metering',
      generation: 1,
      lsn: offset,
      ordinal: 1,
      xid: 1,
      committedAt: raisedAt,
      sourceTime: raisedAt,
    },
    invalid: {},
    unchanged: [],
    ...items,
  };
  return { topic, partition: 0, offset, key: '', event: decoded };
}

function rejection(recordType: RecordType, items: Readonly<Record<string, unknown>> = {}): LaneEvent {
  return event('metering.rejection', recordType, {
    rejection_id: '00000000-0000-4000-8000-000000000007',
    mpan_core: '1300000000007',
    record_type: 'rejection',
    flow: 2,
    entity: 'appointment',
    entity_key: '42',
    event_source: 'registration',
    generation: 1,
    lsn: 4_294_967_296_000,
    ordinal: 3,
    revision: 1,
    rule_codes: ['MPAN_CHECK_DIGIT', 'SUPPLIER_UNKNOWN'],
    details: '{"item": "mpan_core"}',
    reference_version: 12,
    receiver: 'MSVA',
    status: 'open',
    raised_at: raisedAt,
    resolved_by_generation: null,
    resolved_by_lsn: null,
    resolved_at: null,
    acknowledged_by: null,
    note: null,
    ...items,
  });
}

function receipt(throughLsn: number, items: Readonly<Record<string, unknown>> = {}): LaneEvent {
  return event('metering.receipt', 'create', {
    receiver: 'MSVA',
    event_source: 'registration',
    lane: 2,
    generation: 1,
    through_lsn: throughLsn,
    counts: '{"applied": 5}',
    at: raisedAt,
    ...items,
  });
}

const resolved = { status: 'resolved', resolved_by_generation: 1, resolved_by_lsn: 99, resolved_at: raisedAt + 1 };

/** Applies each list as a batch of its own; answers with the outcomes by topic. */
async function take(...batches: LaneEvent[][]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const events of batches) {
    const units: Unit[] = events.map((one) => ({ generation: 1, lsn: one.event.source.lsn, events: [one] }));
    for (const { topic, outcome, delta } of await createInboxDomain(0).apply(client, units, moment)) {
      counts[`${topic} ${outcome}`] = (counts[`${topic} ${outcome}`] ?? 0) + delta;
    }
  }
  return counts;
}

async function stored(): Promise<Record<string, unknown>[]> {
  const { rows } = await client.query<Record<string, unknown>>(
    `SELECT *, lsn::text, (extract(epoch FROM raised_at) * 1000000)::bigint::text AS raised FROM inbox.rejection ORDER BY revision`,
  );
  return rows;
}

describe('the inbox', () => {
  test('a rejection arrives with every item as it was sent', async () => {
    expect(await take([rejection('rejection')])).toEqual({ 'metering.rejection applied': 1 });
    expect(await stored()).toMatchObject([
      {
        rejection_id: '00000000-0000-4000-8000-000000000007',
        mpan_core: '1300000000007',
        record_type: 'rejection',
        flow: 2,
        entity: 'appointment',
        entity_key: '42',
        source: 'registration',
        generation: 1,
        lsn: '4294967296000',
        ordinal: 3,
        revision: 1,
        rule_codes: ['MPAN_CHECK_DIGIT', 'SUPPLIER_UNKNOWN'],
        details: { item: 'mpan_core' },
        reference_version: 12,
        receiver: 'MSVA',
        status: 'open',
        raised: String(raisedAt),
        resolved_at: null,
      },
    ]);
  });

  test('the columns of the rejection are those of the contract, in order', async () => {
    const { rows } = await client.query<{ column_name: string }>(
      `SELECT column_name FROM information_schema.columns WHERE table_schema = 'inbox' AND table_name = 'rejection'
        ORDER BY ordinal_position`,
    );
    expect(rows.map(({ column_name }) => column_name).join(' ')).toBe(
      'rejection_id mpan_core record_type flow entity entity_key source generation lsn ordinal revision rule_codes details ' +
        'reference_version receiver status raised_at resolved_by_generation resolved_by_lsn resolved_at acknowledged_by note',
    );
  });

  test('the same rejection again changes nothing, in the same batch or a later one', async () => {
    const again = () => rejection('rejection', { rejection_id: '00000000-0000-4000-8000-000000000008' });
    expect(await take([again(), again()], [again()])).toEqual({
      'metering.rejection applied': 1,
      'metering.rejection unchanged': 2,
    });
  });

  test('a resolution closes its rejection, and raising it again after a restore does not open it', async () => {
    const events = () => [rejection('rejection'), rejection('resolution', resolved), rejection('rejection')];
    expect(await take(events())).toEqual({ 'metering.rejection applied': 2, 'metering.rejection unchanged': 1 });
    expect(await take(...events().map((one) => [one]))).toEqual({ 'metering.rejection unchanged': 3 });
    expect(await stored()).toMatchObject([{ status: 'resolved', resolved_by_lsn: '99' }]);
  });

  test('a renewed rejection is a row of its own', async () => {
    await take([
      rejection('rejection'),
      rejection('withdrawal', { status: 'withdrawn' }),
      rejection('rejection', { revision: 2 }),
    ]);
    expect((await stored()).map(({ status }) => status)).toEqual(['withdrawn', 'open']);
  });

  test('who acknowledged it here is not forgotten by what the other side sends later', async () => {
    await take([rejection('rejection')]);
    await client.query("UPDATE inbox.rejection SET acknowledged_by = 'kim', note = 'ours'");
    await take([rejection('resolution', resolved)]);
    expect(await stored()).toMatchObject([{ status: 'resolved', acknowledged_by: 'kim', note: 'ours' }]);
  });

  test('a large value that an update left alone stays as it is, in the batch that brought it or a later one', async () => {
    const long = JSON.stringify({ item: 'x'.repeat(10_000) });
    const update = (): LaneEvent =>
      rejection('resolution', { ...resolved, rule_codes: null, details: null, unchanged: ['rule_codes', 'details'] });
    const kept = {
      status: 'resolved',
      rule_codes: ['MPAN_CHECK_DIGIT', 'SUPPLIER_UNKNOWN'],
      details: JSON.parse(long) as unknown,
    };
    await take([rejection('rejection', { details: long }), update()]);
    expect(await stored()).toMatchObject([kept]);
    await client.query('TRUNCATE inbox.rejection');
    await take([rejection('rejection', { details: long })], [update()]);
    expect(await stored()).toMatchObject([kept]);
  });

  test('a receipt goes forward and never back', async () => {
    expect(
      await take([receipt(100), receipt(200)], [receipt(150), receipt(200), receipt(10, { generation: 2 })]),
    ).toEqual({
      'metering.receipt applied': 3,
      'metering.receipt unchanged': 2,
    });
    const { rows } = await client.query('SELECT generation, through_lsn, counts FROM inbox.receipt');
    expect(rows).toEqual([{ generation: 2, through_lsn: '10', counts: { applied: 5 } }]);
  });

  test('what is deleted from the outbox stays in the inbox, and what says not what it refuses is not ours', async () => {
    const gone = rejection('delete');
    const nameless = rejection('error', { entity_key: null });
    expect(await take([rejection('rejection'), gone, nameless])).toEqual({
      'metering.rejection applied': 1,
      'metering.rejection unchanged': 1,
      'metering.rejection not-ours': 1,
    });
  });

  test('a large transaction is taken slice by slice and counted as a whole', async () => {
    const events = [rejection('rejection'), rejection('resolution', resolved)];
    const large = largeUnitOf({ generation: 1, lsn: 10, events });
    const deltas = await createInboxDomain(0).applyLarge(client, large, moment);
    expect(deltas.reduce((sum, { delta }) => sum + delta, 0)).toBe(2);
    expect(await stored()).toMatchObject([{ status: 'resolved' }]);
  });
});
