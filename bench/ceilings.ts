import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { WalStream, type WalListener } from '../connectors/source/wal-stream.ts';
import { fetchArtifacts } from '../local/artifacts.ts';
import { findJava } from '../local/java.ts';
import { peerFolder } from './peer-artifacts.ts';
import type { RoundSettings } from './round.ts';
import { query, type Servers } from './servers.ts';
import { fillSource, makeBacklog } from './workload.ts';

const runFile = promisify(execFile);
const slot = 'bench_ceiling';

/** What the machine's own parts do when nothing is made of the data: no rig can be faster. */
export async function measureCeilings(servers: Servers, settings: RoundSettings): Promise<void> {
  const { note, tell, rows } = settings;
  const name = 'ceiling';
  const { source, store } = await servers.makeDatabases(name);
  try {
    tell('ceilings: COPY, INSERT, UPSERT');
    await fillSource(source, rows);
    await measureWriting(source, store, rows, note);
    for (const per of [100, 1]) {
      tell(`ceilings: the slot alone, transactions of ${per}`);
      note(`ceiling-slot-${per}`, await drainSlot(source, per, settings));
    }
    tell("ceilings: the broker's producer test");
    note('ceiling-producer', await producerTest(servers, rows, settings));
  } finally {
    await servers.dropDatabases(name);
    await servers.deleteTopics('bench.ceiling');
  }
}

async function measureWriting(source: string, store: string, rows: number, note: RoundSettings['note']): Promise<void> {
  const table = readFileSync(path.join(peerFolder, 'store.sql'), 'utf8');
  const chunks = await copyOut(source);
  const client = new pg.Client({ connectionString: store, application_name: 'concord bench' });
  await client.connect();
  const timed = async (measure: string, act: () => Promise<unknown>): Promise<void> => {
    await client.query('CHECKPOINT');
    const begun = performance.now();
    await act();
    note(measure, (rows * 1_000) / (performance.now() - begun));
  };
  try {
    await client.query(table);
    await timed('ceiling-copy', () =>
      pipeline(Readable.from(chunks), client.query(copyFrom('COPY metering_point FROM STDIN'))),
    );
    await client.query('CREATE UNLOGGED TABLE staging AS TABLE metering_point; TRUNCATE metering_point');
    const columns = await query<{ name: string }>(
      store,
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'metering_point'::regclass AND attnum > 1 AND NOT attisdropped`,
    );
    const upsert = `INSERT INTO metering_point SELECT * FROM staging
      ON CONFLICT (mpan_core) DO UPDATE SET ${columns.map(({ name }) => `${name} = excluded.${name}`).join(', ')}`;
    await timed('ceiling-insert', () => client.query(upsert));
    await timed('ceiling-upsert', () => client.query(upsert));
  } finally {
    await client.end();
  }
}

async function copyOut(url: string): Promise<Buffer[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'concord bench' });
  await client.connect();
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of client.query(copyTo('COPY registration.metering_point TO STDOUT'))) {
      chunks.push(chunk as Buffer);
    }
    return chunks;
  } finally {
    await client.end();
  }
}

/** Our raw transport with a listener that makes nothing of what it hears. */
async function drainSlot(url: string, per: number, settings: RoundSettings): Promise<number> {
  await query(url, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${slot}'`);
  await query(url, `DROP PUBLICATION IF EXISTS ${slot}`);
  await query(url, `CREATE PUBLICATION ${slot} FOR TABLE registration.metering_point`);
  await query(url, `SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
  const { changes } = await makeBacklog(url, { ...settings, per, factor: 1 + per });
  const done = new AbortController();
  const stop = (): void => done.abort();
  settings.signal.addEventListener('abort', stop, { once: true });
  let seen = 0;
  let firstMs = 0;
  let lastMs = 0;
  const nothing = (): void => undefined;
  const listener: WalListener = {
    received: nothing,
    begin: nothing,
    commit: nothing,
    relation: nothing,
    insert: nothing,
    update: () => {
      if (seen === 0) firstMs = performance.now();
      seen += 1;
      if (seen < changes) return;
      lastMs = performance.now();
      done.abort();
    },
    delete: nothing,
    truncate: nothing,
    message: nothing,
    coverIdle: nothing,
  };
  const stream = new WalStream(
    {
      database: { connectionString: url },
      slot,
      publication: slot,
      startLsn: 0,
      statusIntervalMs: 10_000,
      silenceMaxMs: 60_000,
    },
    listener,
  );
  await stream.run(done.signal);
  settings.signal.removeEventListener('abort', stop);
  settings.signal.throwIfAborted();
  return (changes * 1_000) / (lastMs - firstMs);
}

/** Kafka's own test, with the batches, the linger and the acknowledgements that the peer's producer has. */
async function producerTest(servers: Servers, records: number, { signal }: RoundSettings): Promise<number> {
  const { kafkaDirectory } = await fetchArtifacts(() => undefined);
  await servers.deleteTopics('bench.ceiling');
  await servers.makeTopic('bench.ceiling', 4);
  const { stdout } = await runFile(
    findJava(),
    [
      '-Xmx256m',
      '-XX:-UsePerfData',
      '-cp',
      path.join(kafkaDirectory, '*'),
      'org.apache.kafka.tools.ProducerPerformance',
      '--topic',
      'bench.ceiling',
      '--num-records',
      String(records),
      '--record-size',
      '300',
      '--throughput',
      '-1',
      '--producer-props',
      `bootstrap.servers=${servers.addresses.kafkaBrokers}`,
      'acks=all',
      'linger.ms=10',
      'batch.size=524288',
      'compression.type=none',
    ],
    { signal, timeout: 300_000 },
  );
  const rate = /records sent, ([\d.]+) records\/sec(?!.*records sent)/s.exec(stdout)?.[1];
  if (rate === undefined) throw new Error(`the producer test said: ${stdout}`);
  return Number(rate);
}
