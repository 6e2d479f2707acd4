import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { stringify } from 'yaml';
import { createRegistrationSchema } from '../connectors/registration/schema.ts';
import type { StackAddresses } from './stack.setup.ts';
import { freshDatabase, type TestDatabase } from './database.fixture.ts';

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

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
  registration: pg.Client;
  metering: pg.Client;
  readonly registrationUrl: string;
  readonly meteringUrl: string;
  readonly #directory: string;
  readonly #databases: readonly TestDatabase[];
  readonly #processes = new Map<string, ChildProcess>();

  private constructor(directory: string, databases: readonly [TestDatabase, TestDatabase], suffix: string) {
    this.#directory = directory;
    this.#databases = databases;
    this.configurationFile = path.join(directory, 'concord.yaml');
    this.registrationPrefix = `r${suffix}`;
    this.meteringPrefix = `m${suffix}`;
    this.registrationUrl = databases[0].url;
    this.meteringUrl = databases[1].url;
    this.registration = newClient(this.registrationUrl);
    this.metering = newClient(this.meteringUrl);
  }

  static async create(
    stack: StackAddresses,
    overrides: Readonly<Record<string, unknown>> = {},
    tables: Readonly<Record<string, unknown>> = {},
  ): Promise<Rig> {
    const databases = [await freshDatabase(stack.registrationUrl), await freshDatabase(stack.meteringUrl)] as const;
    const suffix = randomBytes(4).toString('hex');
    const rig = new Rig(mkdtempSync(path.join(tmpdir(), 'concord-rig-')), [...databases], suffix);
    const settings = {
      registration: {
        name: rig.registrationPrefix,
        database: { url: databases[0].url },
        slot: `r${suffix}`,
        publication: 'concord',
        tables,
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
  async command(...args: readonly string[]): Promise<CommandResult> {
    const child = spawn(process.execPath, [program, ...args, '--config', this.configurationFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    const result = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      result.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      result.stderr += chunk.toString();
    });
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, ...result };
  }

  /** `concord init`, which must succeed. */
  async init(): Promise<void> {
    const { status, stdout, stderr } = await this.command('init');
    if (status !== 0) throw new Error(`concord init ended with ${status}: ${stderr}${stdout}`);
  }

  /**
   * Starts a process of the side. Another name than the side's is for a second process of it: the database's sessions of
   * the metering side carry it too.
   */
  start(side: Side, name: string = side): ChildProcess {
    const log = openSync(path.join(this.#directory, `${name}.log`), 'a');
    const configuration = name === side ? this.configurationFile : this.#configurationOf(name);
    const child = spawn(process.execPath, [program, 'run', side, '--config', configuration], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#processes.set(name, child);
    return child;
  }

  #configurationOf(name: string): string {
    const file = path.join(this.#directory, `${name}.yaml`);
    const named = `${this.meteringUrl}?application_name=${name}`;
    const configuration = readFileSync(this.configurationFile, 'utf8')
      .replaceAll(this.meteringUrl, named)
      // With the port of the first one, only one of them would run: whoever comes first.
      .replace(/meteringPort: \d+/, 'meteringPort: 0');
    writeFileSync(file, configuration);
    return file;
  }

  process(name: string): ChildProcess {
    const child = this.#processes.get(name);
    if (child === undefined) throw new Error(`${name} was never started`);
    return child;
  }

  /** Opens both databases anew, after one was restarted or replaced. */
  async reconnect(): Promise<void> {
    await Promise.allSettled([this.registration.end(), this.metering.end()]);
    this.registration = await connected(this.registrationUrl);
    this.metering = await connected(this.meteringUrl);
  }

  /** kill -9, and waits until the process is gone. */
  async kill(name: string): Promise<void> {
    const child = this.#processes.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  log(name: string): string {
    return readFileSync(path.join(this.#directory, `${name}.log`), 'utf8');
  }

  async stop(): Promise<void> {
    for (const name of this.#processes.keys()) await this.kill(name);
    await this.registration.end();
    await this.metering.end();
    for (const database of this.#databases) await database.drop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function newClient(connectionString: string): pg.Client {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {
    // A server that is killed ends its sessions; the next query tells.
  });
  return client;
}

async function connected(connectionString: string): Promise<pg.Client> {
  const client = newClient(connectionString);
  await client.connect();
  return client;
}

/** Asks until the answer satisfies, and returns it. Fails with the last answer when the time is up. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  satisfied: (answer: T) => boolean,
  withinMs = 90_000,
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
