import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { Fault } from '../../runtime/fault.ts';
import { apis, BrokerProxy, type Mishap } from '../../topics/broker-proxy.fixture.ts';
import { prepareKafka } from '../../topics/connection.ts';
import { quiet } from '../../topics/kafka.fixture.ts';
import { openPublisher } from '../../topics/publisher.ts';
import { currentLsn, openStage, type RunningSource, type SourceStage, startSource } from './source.fixture.ts';

const rows = 20_000;
let stage: SourceStage;
let proxy: BrokerProxy;
let inserted = 0;

beforeAll(async () => {
  const stack = inject('stack');
  stage = await openStage(stack, { transactionEventsMax: 1_000, queueBytesMax: 300_000, heartbeatIntervalMs: 100 });
  await stage.client.query(`ALTER DATABASE ${stage.database.name} SET wal_sender_timeout = '1s'`);
  proxy = await BrokerProxy.open(stack.kafkaBrokers.split(',')[0] ?? '');
  const loading = await start();
  await loading.until((report) => report.loadComplete);
  await loading.stop();
});
afterAll(async () => {
  await proxy.close();
  await stage.close();
});

function start(): Promise<RunningSource> {
  const connection = prepareKafka(
    { brokers: stage.addresses.brokers.split(','), clientId: 'test', redirect: proxy.redirect },
    quiet,
  );
  return startSource(stage, {
    openPublisher: () =>
      openPublisher(connection, { transactionalId: stage.settings.transactionalId, callLimitMs: 3_000 }),
  });
}

async function insert(): Promise<void> {
  await stage.client.query(
    'INSERT INTO registration.meter_asset (device_id) SELECT n::text FROM generate_series($1::int, $2::int) n',
    [inserted + 1, inserted + rows],
  );
  inserted += rows;
}

/** Runs the source, again after each fault that is waited for, until everything is on the topics. */
async function runToTheEnd(first: RunningSource): Promise<void> {
  const lsn = await currentLsn(stage.client);
  for (let source = first; ; source = await start()) {
    try {
      await source.until((report) => report.loadComplete && report.watermark >= lsn);
      await source.stop();
      return;
    } catch (error) {
      if (!(error instanceof Fault) || (error.kind !== 'unavailable' && error.kind !== 'fenced')) throw error;
    }
  }
}

async function expectEachOnce(): Promise<void> {
  const events = await stage.events('meter-asset');
  expect(events.length).toBe(inserted);
  expect(new Set(events.map((event) => event.key)).size).toBe(inserted);
}

describe('a source that is interrupted in the middle of a large transaction tells each change once', () => {
  test.each<[string, number, Mishap, number]>([
    ['the answer to a produce request is lost', apis.produce, 'lose-response', 9],
    ['the connection breaks before a produce request', apis.produce, 'kill-before', 12],
    ['the answer to a commit is lost', apis.endTransaction, 'lose-response', 5],
    ['the answer to a commit never comes', apis.endTransaction, 'swallow-response', 4],
  ])('when %s', async (_what, api, mishap, skip) => {
    const source = await start();
    const happened = proxy.plan(api, mishap, skip);
    await insert();
    await Promise.all([happened, runToTheEnd(source)]);
    await expectEachOnce();
  });

  test('when the broker hangs with every connection open, and answers again later', async () => {
    const source = await start();
    proxy.hold();
    await insert();
    await expect(source.until(() => false)).rejects.toMatchObject({ kind: 'unavailable' });
    // Nothing goes on as long as it hangs, and nothing waits for ever.
    await expect((await start()).until(() => false)).rejects.toMatchObject({ kind: 'unavailable' });
    proxy.release();
    await runToTheEnd(await start());
    await expectEachOnce();
  });

  test('when the replication connection is cut', async () => {
    const source = await start();
    await insert();
    await source.until((report) => report.records > 3_000);
    await stage.client.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [
      stage.settings.slot,
    ]);
    const failure = await source.until(() => false).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'unavailable' });
    await runToTheEnd(await start());
    await expectEachOnce();
  });

  test('while the topics take nothing the stream is paused, and the server still hears from us', async () => {
    const gate: { open: () => void } = { open: () => {} };
    const opened = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    const source = await startSource(stage, {
      openPublisher: async () => {
        const publisher = await openPublisher(stage.topics.connection, {
          transactionalId: stage.settings.transactionalId,
        });
        return {
          begin: () => publisher.begin(),
          commit: () => publisher.commit(),
          abort: () => publisher.abort(),
          close: () => publisher.close(),
          send: async (records) => {
            await opened;
            return publisher.send(records);
          },
          sendAndTell: async (records, tell) => {
            await opened;
            return publisher.sendAndTell(records, tell);
          },
        };
      },
    });
    await insert();
    for (let streams = false; !streams; ) {
      const { rows: active } = await stage.client.query(
        'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active',
        [stage.settings.slot],
      );
      streams = active.length > 0;
    }
    // Longer than wal_sender_timeout, which would end the connection if nothing were heard.
    const { rows: replied } = await stage.client.query<{ since: Date }>('SELECT clock_timestamp() AS since');
    for (let waited = false; !waited; ) {
      const { rows: found } = await stage.client.query<{ heard: boolean }>(
        `SELECT r.reply_time > $1::timestamptz + interval '1.5 s' AS heard
         FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.slot_name = $2`,
        [replied[0]?.since, stage.settings.slot],
      );
      if (found.length === 0) throw new Error('the server has given us up');
      waited = found[0]?.heard === true;
    }
    expect(source.report.paused).toBe(true);
    expect(source.report.queueBytes).toBeLessThan(2_000_000);
    gate.open();
    await runToTheEnd(source);
    await expectEachOnce();
  });
});
