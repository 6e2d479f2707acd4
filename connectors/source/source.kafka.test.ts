import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  currentLsn,
  openStage,
  type RunningSource,
  type SourceStage,
  startSource,
  type TestEvent,
} from './source.fixture.ts';

describe('the source, from PostgreSQL to topics', () => {
  let stage: SourceStage;
  let source: RunningSource;

  beforeAll(async () => {
    stage = await openStage(inject('stack'));
    await stage.client.query(`INSERT INTO registration.metering_point (mpan_core, gsp_group, supplier_efd, line_loss_factor, domestic)
      SELECT lpad(n::text, 13, '0'), '_A', '2024-03-31', 1.045, n % 2 = 0 FROM generate_series(1, 5000) n`);
    source = await startSource(stage);
    await source.until((report) => report.loadComplete);
  });
  afterAll(async () => {
    await source.stop();
    await stage.close();
  });

  const caughtUp = async (): Promise<void> => {
    const lsn = await currentLsn(stage.client);
    await source.until((report) => report.watermark >= lsn);
  };
  const eventsOf = async (topic: string, key: string): Promise<TestEvent[]> =>
    (await stage.events(topic)).filter((event) => event.key === key);

  test('the initial load brings every row once', async () => {
    const events = await stage.events('metering-point');
    expect(events.length).toBe(5_000);
    expect(new Set(events.map((event) => event.key)).size).toBe(5_000);
    expect(events[0]).toMatchObject({ recordType: 'read', senderId: 'REGS', gsp_group: '_A', supplier_efd: 19_813 });
  });

  test('a change of each kind is an event, and a delete is followed by a tombstone', async () => {
    await stage.client.query(
      `INSERT INTO registration.metering_point (mpan_core, gsp_group) VALUES ('1300000000001', '_B')`,
    );
    await stage.client.query(
      `UPDATE registration.metering_point SET gsp_group = '_C' WHERE mpan_core = '1300000000001'`,
    );
    await stage.client.query(`DELETE FROM registration.metering_point WHERE mpan_core = '1300000000001'`);
    await caughtUp();
    const events = await eventsOf('metering-point', '1300000000001');
    expect(events.map((event) => [event.recordType, event['gsp_group']])).toEqual([
      ['create', '_B'],
      ['update', '_C'],
      ['delete', null],
    ]);
    const records = (await stage.records('metering-point'))
      .flat()
      .filter(({ key }) => key?.toString() === '1300000000001');
    expect(records.map(({ value }) => value === null)).toEqual([false, false, false, true]);
  });
});
