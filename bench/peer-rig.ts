import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { findJava } from '../local/java.ts';
import { freePort } from '../local/ports.ts';
import { type PeerArtifacts, peerFolder } from './peer-artifacts.ts';
import type { Rig, RigRound } from './rig.ts';
import { query, type Servers } from './servers.ts';
import { until } from './waiting.ts';
import { fillSource } from './workload.ts';

/** The same for all rounds: the schemas that the converter looks up are registered once, under the topic's name. */
const prefix = 'peer';
const topic = `${prefix}.registration.metering_point`;
const partitions = 4;

type Settings = Readonly<Record<string, string>>;

/** Debezium's PostgreSQL source and JDBC sink on one Kafka Connect worker, which stays warm from round to round. */
export class PeerRig implements Rig {
  readonly name = 'peer';
  /** From the start of the worker until it answered. */
  readonly workerStartSeconds: number;
  readonly #servers: Servers;
  readonly #worker: ChildProcess;
  readonly #url: string;
  readonly #signal: AbortSignal;
  autoRegister = false;

  private constructor(servers: Servers, worker: ChildProcess, url: string, seconds: number, signal: AbortSignal) {
    this.#servers = servers;
    this.#worker = worker;
    this.#url = url;
    this.workerStartSeconds = seconds;
    this.#signal = signal;
  }

  static async open(servers: Servers, artifacts: PeerArtifacts, heap: string, signal: AbortSignal): Promise<PeerRig> {
    const directory = path.join(servers.dataDir, 'rounds', 'peer-worker');
    mkdirSync(directory, { recursive: true });
    rmSync(path.join(directory, 'offsets'), { force: true });
    const port = await freePort();
    const file = path.join(directory, 'worker.properties');
    const values = {
      brokers: servers.addresses.kafkaBrokers,
      plugins: artifacts.plugins,
      port: String(port),
      directory,
    };
    writeFileSync(file, fill(readFileSync(path.join(peerFolder, 'worker.properties'), 'utf8'), values));
    const options = readFileSync(path.join(peerFolder, 'jvm.options'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('-'));
    const log = openSync(path.join(directory, 'worker.log'), 'w');
    const begun = monotonicMs();
    const worker = spawn(
      findJava(),
      [
        `-Xmx${heap}`,
        ...options,
        `-Dlog4j2.configurationFile=${path.join(peerFolder, 'log4j2.properties')}`,
        '-cp',
        path.join(artifacts.worker, '*'),
        'org.apache.kafka.connect.cli.ConnectStandalone',
        file,
      ],
      { cwd: directory, stdio: ['ignore', log, log], detached: true },
    );
    closeSync(log);
    const url = `http://127.0.0.1:${port}/connectors`;
    const alive = (): void => {
      if (worker.exitCode !== null) throw new Error(`the peer's worker has ended; its log is ${directory}/worker.log`);
    };
    try {
      await until(() => answers(url), 50, { what: 'the start of the peer’s worker', seconds: 120, signal, alive });
    } catch (error) {
      await end(worker);
      throw error;
    }
    return new PeerRig(servers, worker, url, (monotonicMs() - begun) / 1_000, signal);
  }

  async prepare(round: string, rows: number): Promise<RigRound> {
    const id = `peer_${round}`;
    const { source, store } = await this.#servers.makeDatabases(id);
    await fillSource(source, rows);
    // Its fast way of writing does not know numerics without a scale: it gets them with one.
    await query(source, 'ALTER TABLE registration.metering_point ALTER line_loss_factor TYPE numeric(12, 6)');
    await query(source, 'VACUUM (ANALYZE) registration.metering_point');
    await query(store, readFileSync(path.join(peerFolder, 'store.sql'), 'utf8'));
    await this.#servers.deleteTopics(`${prefix}.`);
    await this.#servers.makeTopic(topic, partitions);
    const { port: sourcePort, password } = new URL(source);
    const registry = this.#servers.addresses.schemaRegistryUrl.replace(/\/apis\/.*/, '/apis/registry/v2');
    const values: Settings = {
      sourcePort,
      storePort: new URL(store).port,
      password,
      sourceDatabase: id,
      storeDatabase: id,
      prefix,
      slot: id,
      topic,
      registry,
      autoRegister: String(this.autoRegister),
    };
    return new PeerRound(this.#servers, {
      id,
      source,
      store,
      values,
      url: this.#url,
      pid: this.#worker.pid ?? 0,
      signal: this.#signal,
    });
  }

  async close(): Promise<void> {
    await end(this.#worker);
  }
}

interface Round {
  readonly id: string;
  readonly source: string;
  readonly store: string;
  readonly values: Settings;
  readonly url: string;
  readonly pid: number;
  readonly signal: AbortSignal;
}

class PeerRound implements RigRound {
  readonly sourceUrl: string;
  readonly storeUrl: string;
  readonly storeTable = 'public.metering_point';
  readonly topic = topic;
  readonly #servers: Servers;
  readonly #round: Round;
  /** Connectors of this round that were made; others can only be resumed. */
  readonly #made = new Set<string>();
  #extra: readonly string[] = [];
  #failure: string | null = null;
  #askedMs = 0;

  constructor(servers: Servers, round: Round) {
    this.#servers = servers;
    this.#round = round;
    this.sourceUrl = round.source;
    this.storeUrl = round.store;
  }

  watched(): Record<string, number> {
    return { connect: this.#round.pid };
  }

  startSource(): Promise<void> {
    return this.#start('source');
  }

  startSink(): Promise<void> {
    return this.#start('sink');
  }

  preferLatency(): void {
    this.#extra = ['latency'];
    this.#made.clear();
  }

  demandAlive(): void {
    if (this.#failure !== null) throw new Error(this.#failure);
    // Asked in passing, and seldom: what it answers is seen on a later turn.
    const nowMs = monotonicMs();
    if (nowMs - this.#askedMs < 1_000) return;
    this.#askedMs = nowMs;
    void this.#ask();
  }

  async stop(): Promise<void> {
    for (const kind of ['sink', 'source']) {
      const response = await ask(`${this.#connector(kind)}/stop`, 'PUT');
      if (response.status === 404) continue;
      await until(async () => (await this.#state(kind)).tasks.length === 0, 50, {
        what: `stopping the peer's ${kind}`,
        seconds: 60,
        signal: this.#round.signal,
      });
    }
    await this.#untilSlotFree();
  }

  /** One that is still taken would be waited for by the next start, ten seconds at a time. */
  async #untilSlotFree(): Promise<void> {
    const probe = async (): Promise<boolean> =>
      (await query(this.sourceUrl, `SELECT FROM pg_replication_slots WHERE slot_name = '${this.#round.id}' AND active`))
        .length === 0;
    await until(probe, 50, { what: "the peer's slot to be let go", seconds: 60, signal: this.#round.signal });
  }

  async remove(): Promise<void> {
    for (const kind of ['sink', 'source']) await ask(this.#connector(kind), 'DELETE');
    await this.#servers.dropDatabases(this.#round.id);
  }

  async #start(kind: string): Promise<void> {
    if (this.#made.has(kind)) {
      await demandOk(await ask(`${this.#connector(kind)}/resume`, 'PUT'));
      return;
    }
    const settings: Settings = Object.assign(
      {},
      readSettings(kind),
      readSettings('converter'),
      ...this.#extra.map((extra) => readSettings(`${kind}.${extra}`)),
    );
    const filled = Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, fill(value, this.#round.values)]),
    );
    await demandOk(await ask(`${this.#connector(kind)}/config`, 'PUT', JSON.stringify(filled)));
    // One that was stopped and is given other settings stays stopped.
    if (this.#extra.length > 0) await demandOk(await ask(`${this.#connector(kind)}/resume`, 'PUT'));
    this.#made.add(kind);
  }

  #connector(kind: string): string {
    return `${this.#round.url}/${this.#round.id}-${kind}`;
  }

  async #state(kind: string): Promise<{ tasks: { state: string; trace?: string }[] }> {
    const response = await ask(`${this.#connector(kind)}/status`);
    if (!response.ok) return { tasks: [] };
    return (await response.json()) as { tasks: { state: string; trace?: string }[] };
  }

  async #ask(): Promise<void> {
    try {
      for (const kind of this.#made) {
        const failed = (await this.#state(kind)).tasks.find(({ state }) => state === 'FAILED');
        if (failed !== undefined) this.#failure = `the peer's ${kind} has failed: ${failed.trace ?? ''}`;
      }
    } catch {
      // The worker is busy: the next turn asks again.
    }
  }
}

function readSettings(name: string): Settings {
  return JSON.parse(readFileSync(path.join(peerFolder, `${name}.json`), 'utf8')) as Settings;
}

function fill(text: string, values: Settings): string {
  return text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`bench/peer: nothing is known for ${name}`);
    return value;
  });
}

const requestAttempts = 5;

/** What is asked of the worker may be asked again: it closes idle connections just when they are used. */
async function ask(url: string, method = 'GET', body?: string): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await fetch(url, {
        method,
        headers: { connection: 'close', ...(body !== undefined && { 'content-type': 'application/json' }) },
        signal: AbortSignal.timeout(120_000),
        ...(body !== undefined && { body }),
      });
    } catch (error) {
      if (attempt === requestAttempts) throw error;
      await pause(200);
    }
  }
}

async function demandOk(response: Response): Promise<void> {
  if (!response.ok) throw new Error(`the peer's worker refuses (${response.status}): ${await response.text()}`);
  await response.body?.cancel();
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function end(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.kill('SIGTERM');
  const killer = setTimeout(() => worker.kill('SIGKILL'), 20_000);
  await ended;
  clearTimeout(killer);
}
