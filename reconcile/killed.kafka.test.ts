import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { createHelpers, insertPoints, insertReferenceData } from '../test/registration-rows.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';

const program = path.resolve(import.meta.dirname, '../dist/cli/concord.js');
const ours = `application_name = 'concord reconcile' AND datname = current_database()`;

/** Whatever a run could leave in a database, by name. */
async function leftIn(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query(
    `SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE ${ours}) AS sessions,
       (SELECT count(*)::int FROM pg_prepared_xacts WHERE database = current_database()) AS prepared,
       (SELECT count(*)::int FROM pg_ls_dir('pg_snapshots')) AS snapshots,
       (SELECT count(*)::int FROM pg_replication_slots) AS slots,
       (SELECT count(*)::int FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.locktype = 'advisory') AS advisory,
       (SELECT array_agg(relname ORDER BY relname) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r') AS temporary,
       (SELECT count(*)::int FROM pg_class) AS relations`,
  );
  return rows[0];
}

async function namesInKafka(brokers: string): Promise<unknown> {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = await admin.listTopics();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  return [topics.toSorted(), groups.map(({ groupId }) => groupId).toSorted()];
}

test('a reconcile that is killed leaves nothing behind, with a transaction open on the source all the time', async () => {
  const rig = await Rig.create(inject('stack'));
  const long = new pg.Client({ connectionString: rig.registrationUrl });
  try {
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, 100);
    await rig.init();
    rig.start('registration');
    const metering = rig.start('metering');
    await until(
      'the initial load is applied',
      () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point'),
      (rows) => rows === 100,
    );
    await long.connect();
    await long.query('BEGIN; UPDATE registration.metering_point SET opt_out = true WHERE mpan_core = mpan(1)');
    const before = {
      registration: await leftIn(rig.registration),
      metering: await leftIn(rig.metering),
      kafka: await namesInKafka(inject('stack').kafkaBrokers),
    };
    // The store stands still, so that it is killed in the middle: with its snapshot taken, and waiting.
    metering.kill('SIGSTOP');
    const child = spawn(process.execPath, [program, 'reconcile', '--config', rig.configurationFile], {
      stdio: 'ignore',
    });
    await until(
      'its snapshot is taken',
      () => count(rig.registration, `SELECT count(*) FROM pg_stat_activity WHERE ${ours} AND backend_xmin IS NOT NULL`),
      (sessions) => sessions > 0,
    );
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    metering.kill('SIGCONT');
    for (const client of [rig.registration, rig.metering]) {
      await until(
        'its sessions are gone',
        () => count(client, `SELECT count(*) FROM pg_stat_activity WHERE ${ours}`),
        (sessions) => sessions === 0,
      );
    }
    expect({
      registration: await leftIn(rig.registration),
      metering: await leftIn(rig.metering),
      kafka: await namesInKafka(inject('stack').kafkaBrokers),
    }).toEqual(before);
    const { status } = await rig.command('reconcile');
    expect(status).toBe(0);
    await long.query('COMMIT');
    expect((await rig.command('reconcile')).status).toBe(0);
  } finally {
    await long.end();
    await rig.stop();
  }
});
