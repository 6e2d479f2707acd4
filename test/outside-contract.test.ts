import { randomBytes } from 'node:crypto';
import avro from 'avsc';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { untilEverythingIsThrough, untilReferenceDataArrived } from './agreement.fixture.ts';
import { end, items, origin, rejectionAfterId } from './contract-columns.fixture.ts';
import {
  createHelpers,
  goodAppointment,
  goodPoint,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';

const dayMs = 86_400_000;
const bad = goodPoint.replace("'AI'", "'XX'").replace("'S-D-W-AI'", 'NULL');

interface RawRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** What contract.md promises to people outside, seen by people outside. */
describe('the public contract', () => {
  const { kafkaBrokers, schemaRegistryUrl } = inject('stack');
  const kafka = new Kafka({ brokers: kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await untilReferenceDataArrived(rig, 8);
  });

  afterAll(async () => {
    await rig.stop();
  });

  /** `name type` of each column, in order. */
  async function columnsOf(side: 'registration' | 'metering', table: string): Promise<string> {
    const { rows } = await rig[side].query<{ columns: string }>(
      `SELECT string_agg(attname || ' ' || replace(regexp_replace(format_type(atttypid, NULL), '\\(.*', ''), 'timestamp with time zone', 'timestamptz'), ', ' ORDER BY attnum) AS columns
       FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
      [table],
    );
    return rows[0]?.columns ?? '';
  }

  async function json(...args: readonly string[]): Promise<unknown> {
    const { stdout, stderr } = await rig.command(...args, '--json');
    return JSON.parse(stdout === '' ? JSON.stringify({ stderr }) : stdout) as unknown;
  }

  test('has these tables, with their columns in this order', async () => {
    for (const [table, columns] of Object.entries(items)) {
      expect(await columnsOf('registration', `registration.${table}`)).toBe(columns);
      expect(await columnsOf('metering', `metering.${table}`)).toMatch(startingWith(`${columns}, ${origin}`));
      expect(await columnsOf('metering', `metering.${table}_history`)).toMatch(
        startingWith(`${columns}, ${origin}, ${end}`),
      );
    }
    expect(await columnsOf('metering', 'metering.rejection')).toMatch(
      new RegExp(`^rejection_id \\w+, ${escaped(rejectionAfterId)}(, |$)`),
    );
    expect(await columnsOf('registration', 'inbox.rejection')).toMatch(
      new RegExp(`^rejection_id \\w+, ${escaped(rejectionAfterId)}(, |$)`),
    );
    expect(await columnsOf('metering', 'metering.held')).toMatch(
      startingWith(
        'mpan_core text, entity text, entity_key text, source text, generation integer, lsn bigint, ordinal integer, rule_codes text[], held_since timestamptz, due timestamptz',
      ),
    );
    for (const table of ['metering.receipt', 'metering.applied_position'])
      expect(await columnsOf('metering', table)).not.toBe('');
    expect(await columnsOf('registration', 'inbox.receipt')).not.toBe('');
    const { rows } = await rig.registration.query(
      `SELECT relreplident::text AS identity FROM pg_class WHERE oid = 'registration.appointment'::regclass`,
    );
    expect(rows).toEqual([{ identity: 'f' }]);
  });

  test('has these topics with partitions and retention, and their subjects are compatible in full, transitively', async () => {
    const [registration, metering] = [rig.registrationPrefix, rig.meteringPrefix];
    const fortyMonths = { 'cleanup.policy': 'delete', 'retention.ms': atLeast(1_217 * dayMs) };
    const compactedLate = { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': atLeast(1_217 * dayMs) };
    const forEver = { 'cleanup.policy': 'delete', 'retention.ms': '-1' };
    const compacted = { 'cleanup.policy': 'compact' };
    const promised: readonly (readonly [topic: string, partitions: number, config: object, isAvro: boolean])[] = [
      [`${registration}.metering-point`, 4, compactedLate, true],
      [`${registration}.appointment.mss`, 4, fortyMonths, true],
      [`${registration}.appointment.msa`, 4, fortyMonths, true],
      [`${registration}.appointment.umso`, 4, fortyMonths, true],
      [`${registration}.participant`, 1, forEver, true],
      [`${registration}.distributor`, 1, forEver, true],
      [`${registration}.meter-asset`, 4, compactedLate, true],
      [`${metering}.rejection`, 4, fortyMonths, true],
      [`${metering}.receipt`, 4, compacted, true],
      [`${registration}.receipt`, 4, compacted, true],
      [`${registration}.progress`, 1, compacted, true],
      [`${metering}.progress`, 1, compacted, true],
      [`${registration}.parked`, 1, forEver, false],
      ['concord.dead-letter', 1, fortyMonths, false],
    ];
    const admin = kafka.admin();
    await admin.connect();
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: promised.map(([topic]) => topic) });
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: promised.map(([name]) => ({ type: ConfigResourceTypes.TOPIC, name })),
      });
      for (const [topic, partitions, config, isAvro] of promised) {
        expect(topics.find(({ name }) => name === topic)?.partitions, topic).toHaveLength(partitions);
        const entries = resources.find(({ resourceName }) => resourceName === topic)?.configEntries ?? [];
        const found = Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
        expect(found, topic).toMatchObject(config);
        if (!isAvro) continue;
        const answer = await fetch(`${schemaRegistryUrl}/config/${topic}-value`);
        expect(await answer.json(), topic).toMatchObject({ compatibilityLevel: 'FULL_TRANSITIVE' });
        const versions = await fetch(`${schemaRegistryUrl}/subjects/${topic}-value/versions`);
        expect(await versions.json(), topic).toHaveLength(1);
      }
    } finally {
      await admin.disconnect();
    }
    expect(await json('topics', 'plan')).toMatchObject({ steps: [], refusals: [] });
  });

  test('has this envelope, these keys, and says what a typed item can not hold', async () => {
    await rig.registration.query('BEGIN');
    await insertPoints(rig.registration, 1, 2);
    await insertAppointments(rig.registration, 1, 1);
    await rig.registration.query(
      `UPDATE registration.metering_point SET line_loss_factor = 'NaN', supplier_efd = 'infinity' WHERE mpan_core = mpan(2)`,
    );
    await rig.registration.query('COMMIT');
    await rig.registration.query(
      `INSERT INTO registration.appointment SELECT 3, NULL, 'UMSO', 'UMSA', DATE '2024-04-01', NULL, 'NEW', 'SUPA', DATE '2024-04-01', NULL, 'M3', NULL`,
    );
    await rig.registration.query('DELETE FROM registration.appointment WHERE appointment_id = 1');
    await rig.registration.query('DELETE FROM registration.metering_point WHERE mpan_core = mpan(1)');
    await untilEverythingIsThrough(rig);
    const mpans = await rig.registration.query<{ one: string; two: string }>('SELECT mpan(1) AS one, mpan(2) AS two');
    const { one, two } = mpans.rows[0] ?? { one: '', two: '' };

    const points = await recordsOf(`${rig.registrationPrefix}.metering-point`);
    const ofOne = points.filter(({ key }) => key?.toString() === one);
    expect(ofOne.at(-1)?.value, 'a tombstone ends a deleted key').toBeNull();
    const [created, deleted] = await decoded(ofOne);
    expect(Object.keys(created ?? {})).toEqual([
      'recordType',
      'senderId',
      'createdAt',
      'correlationId',
      'source',
      ...items.metering_point.split(', ').map((column) => column.split(' ')[0]),
      'invalid',
      'unchanged',
    ]);
    expect(created).toMatchObject({
      recordType: 'create',
      senderId: 'REGS',
      correlationId: null,
      source: { name: rig.registrationPrefix, generation: 1 },
      mpan_core: one,
      supplier_efd: Date.UTC(2024, 3, 1) / dayMs,
      line_loss_factor: decimalBytes(1_045_000),
      domestic: true,
      invalid: {},
      unchanged: [],
    });
    const source = created?.['source'] as Record<string, number>;
    for (const field of ['lsn', 'ordinal', 'xid', 'committedAt', 'sourceTime'])
      expect(source[field], field).toBeGreaterThan(0);
    expect(Object.keys(source)).toEqual(['name', 'generation', 'lsn', 'ordinal', 'xid', 'committedAt', 'sourceTime']);
    expect(deleted).toMatchObject({ recordType: 'delete', mpan_core: one, gsp_group: null });
    const changed = (await decoded(points.filter(({ key }) => key?.toString() === two))).at(-1);
    expect(changed).toMatchObject({
      recordType: 'update',
      supplier_efd: null,
      line_loss_factor: null,
      invalid: { supplier_efd: 'infinity', line_loss_factor: 'NaN' },
    });

    const unmetered = await recordsOf(`${rig.registrationPrefix}.appointment.umso`);
    expect(unmetered.map(({ key }) => key?.toString())).toEqual(['']);
    const [appointment] = await decoded(unmetered);
    expect(appointment).toMatchObject({ appointment_id: 3, mpan_core: null, invalid: { meter_id: 'M3' } });
    expect(appointment).not.toHaveProperty('meter_id');

    const [mssCreated, mssDeleted] = await decoded(await recordsOf(`${rig.registrationPrefix}.appointment.mss`));
    expect(mssCreated).toMatchObject({ recordType: 'create', appointment_id: 1 });
    // The whole row is the replica identity.
    expect(mssDeleted).toMatchObject({ recordType: 'delete', appointment_id: 1, mpan_core: one, mpid: 'MSVA' });
    const participants = await recordsOf(`${rig.registrationPrefix}.participant`);
    expect(participants.map(({ key }) => key?.toString())).toContain('MANW|R|1996-04-01');
  });

  test('gives Flow 3 and receipts to both sides, and commands show them as JSON with MPAN cores masked', async () => {
    await rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${bad} FROM generate_series(10, 10) AS n`,
    );
    await rig.registration.query(
      `INSERT INTO registration.appointment SELECT ${goodAppointment} FROM generate_series(11, 11) AS n`,
    );
    await until(
      'the error is in the inbox',
      () =>
        count(rig.registration, `SELECT count(*) FROM inbox.rejection WHERE mpan_core = mpan(10) AND status = 'open'`),
      (n) => n === 1,
    );
    await untilEverythingIsThrough(rig);
    const { rows } = await rig.registration.query<{ mpan: string; waiting: string }>(
      'SELECT mpan(10) AS mpan, mpan(11) AS waiting',
    );
    const { mpan, waiting } = rows[0] ?? { mpan: '', waiting: '' };
    const [rejection] = (await json('rejections', 'list', '--mpan', mpan)) as readonly Record<string, unknown>[];
    expect(rejection).toMatchObject({
      mpan_core: `${mpan.slice(0, 2)}*********${mpan.slice(-2)}`,
      record_type: 'error',
      flow: 1,
      rule_codes: ['QUANTITY_UNKNOWN'],
      status: 'open',
    });
    expect(JSON.stringify(await json('rejections', 'list'))).not.toContain(mpan);
    expect(JSON.stringify(await json('rejections', 'list', '--reveal'))).toContain(mpan);
    const held = await json('held', 'list');
    expect(held).toEqual([
      expect.objectContaining({ entity: 'appointment', entity_key: '11', rule_codes: ['METERING_POINT_UNKNOWN'] }),
    ]);
    expect(JSON.stringify(held)).not.toContain(waiting);

    const published = await recordsOf(`${rig.meteringPrefix}.rejection`);
    const event = (await decoded(published.filter(({ key }) => key?.toString() === mpan)))[0];
    expect(event).toMatchObject({ recordType: 'error', mpan_core: mpan, event_source: rig.registrationPrefix });

    const receipts = await until(
      'receipts of both directions arrive',
      async () => (await json('receipts')) as { receipts: readonly { source: string; lane: number }[] },
      ({ receipts: found }) =>
        [rig.registrationPrefix, rig.meteringPrefix].every(
          (source) => new Set(found.filter((one) => one.source === source).map((one) => one.lane)).size === 4,
        ),
    );
    expect(receipts).toHaveProperty('through');
    for (const [side, table] of [
      ['registration', 'inbox.receipt'],
      ['metering', 'metering.receipt_inbox'],
    ] as const)
      await until(
        `each lane has a receipt in ${table}`,
        () => count(rig[side], `SELECT count(*) FROM ${table} WHERE through_lsn > 0`),
        (lanes) => lanes === 4,
      );
  });

  test('has these documents and exit codes on the command line', async () => {
    expect(await json('env')).toEqual({
      registrationUrl: rig.registrationUrl,
      meteringUrl: rig.meteringUrl,
      kafkaBrokers,
      schemaRegistryUrl,
      consoleUrl: expect.stringMatching(/^http:\/\//) as unknown,
    });
    const balance = (await json('balance')) as { topics: readonly Record<string, unknown>[]; closes: boolean };
    expect(balance.closes).toBe(true);
    for (const line of balance.topics) {
      const { applied, unchanged, superseded, rejected, held, deadLettered, notOurs } = line as Record<string, number>;
      const outcomes = [applied, unchanged, superseded, rejected, held, deadLettered, notOurs].map(Number);
      expect(line['captured']).toBe(outcomes.reduce((sum, events) => sum + events, 0));
    }
    expect(await json('status')).toEqual(
      expect.objectContaining({
        pids: expect.any(Object) as unknown,
        problems: expect.any(Array) as unknown,
        topics: expect.any(Array) as unknown,
        balance: expect.objectContaining({ closes: true }) as unknown,
        held: 1,
        rejections: expect.objectContaining({ open: expect.any(Number) as unknown }) as unknown,
        verifiedThrough: expect.any(Object) as unknown,
      }),
    );
    const exits: readonly (readonly [words: readonly string[], status: number])[] = [
      [['balance'], 0],
      [['topics', 'describe'], 0],
      [['explain', 'MPAN_CHECK_DIGIT'], 0],
      [['rules', 'list'], 0],
      [['no-such-command'], 2],
      [['balance', '--no-such-option'], 2],
      [['explain', 'NO_SUCH_CODE'], 2],
      // Its HTTP ports are not fixed in this configuration, so that the sides can not be asked.
      [['status'], 3],
    ];
    for (const [words, status] of exits) expect((await rig.command(...words)).status, words.join(' ')).toBe(status);
  });

  test('leaves idle systems idle: receipts do not make receipts for ever', async () => {
    await untilEverythingIsThrough(rig);
    const captured = async (): Promise<Record<string, number>> => {
      const { topics } = (await json('balance')) as { topics: readonly { topic: string; captured: number }[] };
      return Object.fromEntries(topics.map((line) => [line.topic, line.captured]));
    };
    const before = await captured();
    const startedAt = performance.now();
    // The time of idleness is what is measured here.
    await new Promise((resolve) => {
      setTimeout(resolve, 10_000);
    });
    const after = await captured();
    const seconds = (performance.now() - startedAt) / 1000;
    for (const [topic, events] of Object.entries(after)) {
      const more = events - (before[topic] ?? 0);
      // Four lanes sign one receipt each at the heartbeat of five seconds, and once for what came just before.
      const most = topic.endsWith('.receipt') ? 4 * (Math.ceil(seconds / 5) + 1) : 0;
      expect(more, topic).toBeLessThanOrEqual(most);
    }
  });

  async function recordsOf(topic: string): Promise<readonly RawRecord[]> {
    const admin = kafka.admin();
    await admin.connect();
    const ends = await admin.fetchTopicOffsets(topic);
    await admin.disconnect();
    const waiting = new Map(
      ends.filter(({ high, low }) => Number(high) > Number(low)).map((one) => [one.partition, Number(one.high)]),
    );
    const records: RawRecord[] = [];
    if (waiting.size === 0) return records;
    const consumer = kafka.consumer({ groupId: `outside-${randomBytes(6).toString('hex')}` });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachBatch: ({ batch }) => {
            for (const { key, value } of batch.messages) records.push({ key, value });
            // The last record of a partition is the mark of a commit, which is not delivered.
            if (Number(batch.lastOffset()) + 2 >= (waiting.get(batch.partition) ?? 0)) waiting.delete(batch.partition);
            if (waiting.size === 0) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
    await consumer.disconnect();
    return records;
  }

  /** Events as anybody decodes them who has the wire format and the registry; tombstones are left out. */
  async function decoded(records: readonly RawRecord[]): Promise<readonly Record<string, unknown>[]> {
    const types = new Map<number, avro.Type>();
    const events: Record<string, unknown>[] = [];
    for (const { value } of records) {
      if (value === null) continue;
      expect(value[0]).toBe(0);
      const id = value.readUInt32BE(1);
      let type = types.get(id);
      if (type === undefined) {
        const answer = await fetch(`${schemaRegistryUrl}/schemas/ids/${id}`);
        const { schema } = (await answer.json()) as { schema: string };
        type = avro.Type.forSchema(JSON.parse(schema) as avro.Schema);
        types.set(id, type);
      }
      events.push(JSON.parse(JSON.stringify(type.fromBuffer(value.subarray(5)))) as Record<string, unknown>);
    }
    return events;
  }
});

function escaped(text: string): string {
  return text.replaceAll(/[[\]()]/g, String.raw`\$&`);
}

function startingWith(columns: string): RegExp {
  return new RegExp(`^${escaped(columns)}(, |$)`);
}

function atLeast(ms: number): unknown {
  return expect.toSatisfy((value: unknown) => Number(value) >= ms);
}

/** An Avro decimal as JSON shows its bytes. */
function decimalBytes(millionths: number): unknown {
  return {
    type: 'Buffer',
    data: expect.toSatisfy(
      (bytes: number[]) => Buffer.from(bytes).readIntBE(0, bytes.length) === millionths,
    ) as unknown,
  };
}
