import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { findGap, type HealParts, healSource } from './heal.ts';
import { gapRecordOf, healPartsOf } from './replayed.fixture.ts';
import { currentLsn, openStage, resumeSource, type SourceStage, startSource } from './source.fixture.ts';

let stage: SourceStage;

beforeAll(async () => {
  stage = await openStage(inject('stack'), { heartbeatIntervalMs: 100, chunkRows: 100 });
  await stage.client.query(`INSERT INTO registration.metering_point (mpan_core, gsp_group)
    SELECT lpad(n::text, 13, '0'), '_A' FROM generate_series(1, 300) n`);
  await stage.client.query(`INSERT INTO registration.appointment (appointment_id, mpan_core, service_type)
    SELECT n, CASE WHEN n % 10 > 0 THEN lpad(n::text, 13, '0') END, (ARRAY['MSS', 'MSA', 'UMSO'])[1 + n % 3] FROM generate_series(1, 90) n`);
  await stage.client.query(`INSERT INTO registration.participant (mpid, role, name, effective_from) VALUES
    ('ABCD', 'X', 'one', '2020-01-31'), ('ABCD', 'X', 'two', '2021-02-28'), ('EFGH', 'M', 'three', '0044-03-15 BC')`);
});
afterAll(() => stage.close());

const healParts = (): HealParts => healPartsOf(stage);

async function run(): Promise<void> {
  const source = resumeSource(stage);
  const lsn = await currentLsn(stage.client);
  await source.until((report) => report.loadComplete && report.watermark >= lsn);
  await source.stop();
}

/** What a receiver has that keeps the last event of each row, by where it was told. */
async function received(topics: readonly string[], id: string): Promise<Map<string, TestRow>> {
  const rows = new Map<string, TestRow>();
  for (const topic of topics) {
    const partitions = new Map<string, TestRow>();
    for (const event of await stage.events(topic)) {
      const row = `${topic} ${event.key} ${String(event[id])}`;
      if (event.recordType === 'delete') partitions.delete(row);
      else partitions.set(row, event);
    }
    for (const [row, event] of partitions) rows.set(row, event);
  }
  return rows;
}
type TestRow = Readonly<Record<string, unknown>>;

test('after a gap everything is told again, and what was deleted or moved in the gap is deleted where it was', async () => {
  const first = await startSource(stage);
  await first.until((report) => report.loadComplete);
  await first.stop();
  expect(await findGap(stage.settings, healParts())).toBeNull();
  expect(await healSource(stage.settings, healParts())).toBeNull();

  // The gap: nobody holds the WAL of this.
  await stage.client.query('SELECT pg_drop_replication_slot($1)', [stage.settings.slot]);
  await stage.client.query(`DELETE FROM registration.metering_point WHERE mpan_core <= '0000000000050'`);
  await stage.client.query(
    `UPDATE registration.metering_point SET gsp_group = '_G' WHERE mpan_core <= '0000000000070'`,
  );
  await stage.client.query(
    `INSERT INTO registration.metering_point (mpan_core, gsp_group) VALUES ('0000000000999', '_N')`,
  );
  await stage.client.query(`UPDATE registration.appointment SET service_type = 'MSS' WHERE appointment_id <= 6`);
  await stage.client.query(`UPDATE registration.appointment SET mpan_core = 'moved' WHERE appointment_id IN (8, 20)`);
  await stage.client.query('DELETE FROM registration.appointment WHERE appointment_id IN (10, 11)');
  await stage.client.query(
    `DELETE FROM registration.participant WHERE effective_from = '0044-03-15 BC' OR name = 'one'`,
  );

  const stopped = resumeSource(stage);
  await expect(stopped.until(() => false)).rejects.toMatchObject({ kind: 'gap', code: 'SLOT_MISSING' });
  const healing = await healSource(stage.settings, healParts());
  expect(healing).toMatchObject({
    cause: 'SLOT_MISSING',
    generation: 2,
    deletes: {
      'registration.metering_point': 50,
      // Six less the two that were MSS already, two that moved, two that are gone.
      'registration.appointment': 8,
      'registration.participant': 2,
    },
  });
  await run();
  // And it goes on.
  await stage.client.query(`UPDATE registration.metering_point SET gsp_group = '_L' WHERE mpan_core = '0000000000200'`);
  await run();

  const points = await received(['metering-point'], 'mpan_core');
  const { rows: table } = await stage.client.query<{ key: string; value: string }>(
    'SELECT mpan_core AS key, gsp_group AS value FROM registration.metering_point',
  );
  expect([...points].map(([row, event]) => `${row} ${String(event['gsp_group'])}`).toSorted()).toEqual(
    table.map(({ key, value }) => `metering-point ${key} ${key} ${value}`).toSorted(),
  );
  const appointments = await received(['appointment.mss', 'appointment.msa', 'appointment.umso'], 'appointment_id');
  const { rows: appointed } = await stage.client.query<{ row: string }>(
    `SELECT 'appointment.' || lower(service_type) || ' ' || coalesce(mpan_core, '') || ' ' || appointment_id AS row FROM registration.appointment`,
  );
  expect([...appointments.keys()].toSorted()).toEqual(appointed.map(({ row }) => row).toSorted());
  expect(
    [...(await received(['participant'], 'name')).values()].filter(
      ({ source }) => Reflect.get(source as object, 'generation') === 2,
    ),
  ).toHaveLength(1);
  const records = (await stage.records('metering-point'))
    .flat()
    .filter(({ key }) => key?.toString() === '0000000000007');
  expect(records.at(-1)?.value).toBeNull();
});

test('the gap stays on the progress topic, for receivers to know', async () => {
  expect(await gapRecordOf(stage, 2)).toMatchObject({
    cause: 'SLOT_MISSING',
    generation: 2,
    from: expect.stringMatching('/') as string,
    to: expect.stringMatching('/') as string,
  });
  expect((await stage.progress())?.position.generation).toBe(2);
});

test('positions of each partition go up through the gap', async () => {
  for (const topic of ['metering-point', 'appointment.mss', 'participant']) {
    const last = new Map<number, readonly number[]>();
    for (const { partition, source } of await stage.events(topic)) {
      const position = [source.generation, source.lsn, source.ordinal];
      const before = last.get(partition) ?? [0, 0, 0];
      const at = position.findIndex((part, index) => part !== before[index]);
      expect(at < 0 || (position[at] ?? 0) > (before[at] ?? 0)).toBe(true);
      last.set(partition, position);
    }
  }
});
