import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { stringify } from 'yaml';
import { createRegistrationSchema } from '../connectors/registration/schema.ts';
import type { StackAddresses } from './stack.setup.ts';
import { freshDatabase, type TestDatabase } from './database.fixture.ts';

export type Side = 'registration' | 'metering';

const program = path.resolve(import.meta.dirname, '../dist/cli/concord.js');

/**
 * Both sides as processes of their own, as people run them, on two fresh databases and topics with fresh prefixes.
 * Nothing else of Concord's inside is used: only the command line, SQL and Kafka.
 */
export class Rig {
  readonly configurationFile: string;
  readonly registrationPrefix: string;
  readonly meteringPrefix: string;
  readonly registration: pg.Client;
  readonly metering: pg.Client;
  readonly #directory: string;
  readonly #databases: readonly TestDatabase[];
  readonly #processes = new Map<Side, ChildProcess>();

  private constructor(directory: string, databases: readonly [TestDatabase, TestDatabase], suffix: string) {
    this.#directory = directory;
    this.#databases = databases;
    this.configurationFile = path.join(directory, 'concord.yaml');
    this.registrationPrefix = `r${suffix}`;
    this.meteringPrefix = `m${suffix}`;
    this.registration = new pg.Client({ connectionString: databases[0].url });
    this.metering = new pg.Client({ connectionString: databases[1].url });
  }

  static async create(stack: StackAddresses, overrides: Readonly<Record<string, unknown>> = {}): Promise<Rig> {
    const databases = [await freshDatabase(stack.registrationUrl), await freshDatabase(stack.meteringUrl)] as const;
    const suffix = randomBytes(4).toString('hex');
    const rig = new Rig(mkdtempSync(path.join(tmpdir(), 'concord-rig-')), [...databases], suffix);
    const settings = {
      registration: {
        name: rig.registrationPrefix,
        database: { url: databases[0].url },
        slot: `r${suffix}`,
        publication: 'concord',
      },
      metering: {
        name: rig.meteringPrefix,
        database: { url: databases[1].url },
        slot: `m${suffix}`,
        publication: 'concord',
      },
      kafka: { brokers: stack.kafkaBrokers.split(',') },
      registry: { url: stack.schemaRegistryUrl },
      http: { registrationPort: 0, meteringPort: 0 },
      ...overrides,
    };
    writeFileSync(rig.configurationFile, stringify(settings));
    await rig.registration.connect();
    await createRegistrationSchema(rig.registration);
    await rig.metering.connect();
    return rig;
  }

  /** Runs a command to its end; the result's `stdout` and `status` are what a person would see. */
  command(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, [program, ...args, '--config', this.configurationFile], {
      encoding: 'utf8',
      timeout: 60_000,
    });
  }

  start(side: Side): ChildProcess {
    const log = openSync(path.join(this.#directory, `${side}.log`), 'a');
    const child = spawn(process.execPath, [program, 'run', side, '--config', this.configurationFile], {
      stdio: ['ignore', log, log],
    });
    this.#processes.set(side, child);
    return child;
  }

  /** kill -9, and waits until the process is gone. */
  async kill(side: Side): Promise<void> {
    const child = this.#processes.get(side);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  log(side: Side): string {
    return readFileSync(path.join(this.#directory, `${side}.log`), 'utf8');
  }

  async stop(): Promise<void> {
    for (const side of this.#processes.keys()) await this.kill(side);
    await this.registration.end();
    await this.metering.end();
    for (const database of this.#databases) await database.drop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Asks until the answer satisfies, and returns it. Fails with the last answer when the time is up. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  satisfied: (answer: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (satisfied(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`after ${withinMs} ms still not: ${what}; last answer: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

/** The number that a `SELECT count(*)`-like query gives. */
export async function count(client: pg.Client, sql: string, values: readonly unknown[] = []): Promise<number> {
  const { rows } = await client.query<{ count: string }>(sql, [...values]);
  return Number(rows[0]?.count);
}
