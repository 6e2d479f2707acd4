import { readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import kafkajs, { type Admin } from 'kafkajs';
import pg from 'pg';
import { livePid } from '../local/processes.ts';
import { stopPostgres } from '../local/postgres.ts';
import { startStack, type StackAddresses } from '../local/stack.ts';
import type { Watched } from './process-figures.ts';

const { Kafka, logLevel } = kafkajs;

/** The servers that both rigs use, started for the benchmark alone, and what one asks them from outside. */
export class Servers {
  readonly dataDir: string;
  readonly addresses: StackAddresses;
  readonly #admin: Admin;

  private constructor(dataDir: string, addresses: StackAddresses, admin: Admin) {
    this.dataDir = dataDir;
    this.addresses = addresses;
    this.#admin = admin;
  }

  static async start(dataDir: string, report: (line: string) => void, signal: AbortSignal): Promise<Servers> {
    rmSync(path.join(dataDir, 'rounds'), { recursive: true, force: true });
    let addresses = await startStack(dataDir, { report, signal });
    // The moment of a commit, by the same clock on both sides: it tells when a row could be seen, whoever wrote it.
    for (const url of [addresses.registrationUrl, addresses.meteringUrl]) {
      await query(url, 'ALTER SYSTEM SET track_commit_timestamp = on');
    }
    await Promise.all(
      (['postgres-registration', 'postgres-metering'] as const).map((name) => stopPostgres(dataDir, name)),
    );
    addresses = await startStack(dataDir, { report: () => undefined, signal });
    const kafka = new Kafka({ brokers: addresses.kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    return new Servers(dataDir, addresses, admin);
  }

  async disconnect(): Promise<void> {
    await this.#admin.disconnect().catch(() => undefined);
  }

  /** The servers' processes, for CPU and memory. */
  watched(): Watched {
    const names = ['kafka', 'registry', 'postgres-registration', 'postgres-metering'] as const;
    return Object.fromEntries(
      names.flatMap((name) => {
        const pid = livePid(this.dataDir, name);
        return pid === null ? [] : [[name, pid]];
      }),
    );
  }

  /** Sum of the next offsets of a topic's partitions. A topic that was just made has no leaders for a moment. */
  async nextOffset(topic: string): Promise<number> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const partitions = await this.#admin.fetchTopicOffsets(topic);
        return partitions.reduce((sum, { high }) => sum + Number(high), 0);
      } catch (error) {
        if (attempt === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Bytes of its partitions' segments, as they lie on the broker's disk. */
  topicBytes(topic: string): number {
    const data = path.join(this.dataDir, 'kafka', 'data');
    const partitions = readdirSync(data).filter((name) => name.startsWith(`${topic}-`));
    const segments = partitions.flatMap((name) =>
      readdirSync(path.join(data, name)).flatMap((file) =>
        file.endsWith('.log') ? [path.join(data, name, file)] : [],
      ),
    );
    return segments.reduce((sum, file) => sum + statSync(file).size, 0);
  }

  async makeTopic(topic: string, partitions: number): Promise<void> {
    await this.#admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] });
  }

  /** Deletes the topics whose names begin so, and returns when they have gone. */
  async deleteTopics(prefix: string): Promise<void> {
    const names = async (): Promise<string[]> =>
      (await this.#admin.listTopics()).filter((name) => name.startsWith(prefix));
    const topics = await names();
    if (topics.length === 0) return;
    await this.#admin.deleteTopics({ topics });
    for (let attempt = 0; attempt < 100 && (await names()).length > 0; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Makes a database of this name on both servers, and returns their URLs. */
  async makeDatabases(name: string): Promise<{ readonly source: string; readonly store: string }> {
    const { registrationUrl, meteringUrl } = this.addresses;
    await this.dropDatabases(name);
    await query(registrationUrl, `CREATE DATABASE ${name}`);
    await query(meteringUrl, `CREATE DATABASE ${name}`);
    return { source: withDatabaseName(registrationUrl, name), store: withDatabaseName(meteringUrl, name) };
  }

  /** With their slots. */
  async dropDatabases(name: string): Promise<void> {
    for (const url of [this.addresses.registrationUrl, this.addresses.meteringUrl]) {
      await query(
        url,
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '${name}' AND active`,
      );
      for (let attempt = 0; ; attempt += 1) {
        try {
          await query(
            url,
            `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '${name}'`,
          );
          break;
        } catch (error) {
          if (attempt === 50) throw error;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
      await query(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
  }

  /** So that no round pays for the writes of the one before. */
  async checkpoint(): Promise<void> {
    await Promise.all(
      [this.addresses.registrationUrl, this.addresses.meteringUrl].map((url) => query(url, 'CHECKPOINT')),
    );
  }
}

function withDatabaseName(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/** One statement on a connection of its own. */
export async function query<R extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<R[]> {
  return await withClient(url, async (client) => (await client.query<R>(sql, values)).rows);
}

export async function withClient<T>(url: string, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'concord bench' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}
