import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseDocument } from 'yaml';
import { setPause, slotCost } from '../connectors/source/side-pause.ts';
import { commandLineFile } from '../local/checkout.ts';
import { configurationFile, writeConfiguration } from '../local/configuration-file.ts';
import { freePort } from '../local/ports.ts';
import { livePid, logEnd } from '../local/processes.ts';
import { sideNames, startSide, stopSide, type SideName } from '../local/sides.ts';
import { openState, writeState } from '../local/state.ts';
import type { Rig, RigRound } from './rig.ts';
import { type Servers, withClient } from './servers.ts';
import { until } from './waiting.ts';
import { fillSource } from './workload.ts';

const runFile = promisify(execFile);

/** Lanes, and processes of the metering side that share them. */
export interface Shape {
  readonly partitions: number;
  readonly sinks: number;
}

const laneBuffersBytesMax = 256 * 1024 * 1024;

/** Concord as it is shipped: the processes that `concord up` starts, with a configuration that says where, and no more. */
export class ConcordRig implements Rig {
  readonly name = 'concord';
  readonly #servers: Servers;
  readonly #signal: AbortSignal;
  readonly #shape: Shape;

  constructor(servers: Servers, signal: AbortSignal, shape: Shape = { partitions: 4, sinks: 1 }) {
    this.#servers = servers;
    this.#signal = signal;
    this.#shape = shape;
  }

  async prepare(round: string, rows: number): Promise<ConcordRound> {
    const id = `concord_${round}`;
    const { source, store } = await this.#servers.makeDatabases(id);
    await fillSource(source, rows);
    const directories: string[] = [];
    for (let sink = 1; sink <= this.#shape.sinks; sink += 1) {
      const dataDir = path.join(this.#servers.dataDir, 'rounds', sink === 1 ? id : `${id}_sink_${sink}`);
      await this.#configure(dataDir, id, round, { source, store });
      directories.push(dataDir);
    }
    const [first = ''] = directories;
    await runFile(process.execPath, [commandLineFile, 'init', '--config', configurationFile(first), '--json'], {
      signal: this.#signal,
    });
    return new ConcordRound(this.#servers, { id, name: round, directories, source, store, signal: this.#signal });
  }

  /** A data directory from which sides can be started. */
  async #configure(
    dataDir: string,
    id: string,
    round: string,
    { source, store }: { source: string; store: string },
  ): Promise<void> {
    mkdirSync(dataDir, { recursive: true });
    const taken = new Set<number>();
    const ports = { registration: await freePort(taken), metering: await freePort(taken) };
    writeState(dataDir, { ...openState(dataDir), ports });
    const addresses = {
      ...this.#servers.addresses,
      registrationUrl: source,
      meteringUrl: store,
      consoleUrl: `http://127.0.0.1:${ports.metering}`,
    };
    const file = writeConfiguration(dataDir, addresses, ports.registration);
    // Names of the round's own: fresh topics, slots, groups and transactional ids.
    const document = parseDocument(readFileSync(file, 'utf8'));
    for (const side of sideNames) {
      document.setIn([side, 'name'], `${side}_${round}`);
      document.setIn([side, 'slot'], `${id}_${side}`);
      document.setIn([side, 'publication'], `${id}_${side}`);
    }
    const { partitions } = this.#shape;
    document.setIn(['kafka', 'partitions'], partitions);
    // As the configuration asks for where all lanes' buffers together would be too much.
    if (partitions > 40) document.setIn(['limits', 'laneBufferBytesMax'], Math.floor(laneBuffersBytesMax / partitions));
    writeFileSync(file, document.toString(), { mode: 0o600 });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Place {
  readonly id: string;
  readonly name: string;
  /** Data directories: one for each sink; the source runs in the first. */
  readonly directories: readonly string[];
  readonly source: string;
  readonly store: string;
  readonly signal: AbortSignal;
}

export class ConcordRound implements RigRound {
  readonly sourceUrl: string;
  readonly storeUrl: string;
  readonly storeTable = 'metering.metering_point';
  readonly topic: string;
  readonly #servers: Servers;
  readonly #place: Place;
  /** Directory and side of every process that should run. */
  readonly #started: (readonly [string, SideName])[] = [];

  constructor(servers: Servers, place: Place) {
    this.#servers = servers;
    this.#place = place;
    this.sourceUrl = place.source;
    this.storeUrl = place.store;
    this.topic = `registration_${place.name}.metering-point`;
  }

  get configuration(): string {
    return configurationFile(this.#place.directories[0] ?? '');
  }

  watched(): Record<string, number> {
    return Object.fromEntries(
      this.#started.flatMap(([directory, name]) => {
        const pid = livePid(directory, name);
        const number = this.#place.directories.indexOf(directory) + 1;
        return pid === null ? [] : [[number === 1 ? name : `${name} ${number}`, pid]];
      }),
    );
  }

  async startSource(): Promise<void> {
    await this.#start(this.#place.directories[0] ?? '', 'registration');
  }

  async startSink(): Promise<void> {
    await Promise.all(this.#place.directories.map((directory) => this.#start(directory, 'metering')));
  }

  preferLatency(): void {
    // The same settings serve both.
  }

  demandAlive(): void {
    for (const [directory, name] of this.#started) {
      if (livePid(directory, name) !== null) continue;
      throw new Error(`concord's ${name} side has ended:\n${logEnd(directory, name)}`);
    }
  }

  /** Its processes stay, as the peer's worker does: a side that is paused lets go of its slot and of its lanes. */
  async stop(): Promise<void> {
    for (const side of new Set(this.#started.map(([, name]) => name))) {
      await this.#setPause(side, true);
      await until(() => this.#isLetGo(side), 50, {
        what: `pausing concord's ${side} side`,
        seconds: 60,
        signal: this.#place.signal,
      });
    }
  }

  async remove(): Promise<void> {
    const { id, name, directories } = this.#place;
    this.#started.length = 0;
    for (const directory of directories) for (const side of sideNames) await stopSide(directory, side);
    await this.#servers.deleteTopics(`registration_${name}.`);
    await this.#servers.deleteTopics(`metering_${name}.`);
    await this.#servers.dropDatabases(id);
  }

  async #start(directory: string, name: SideName): Promise<void> {
    if (await startSide(directory, name)) this.#started.push([directory, name]);
    else await this.#setPause(name, false);
  }

  async #setPause(side: SideName, paused: boolean): Promise<void> {
    await withClient(this.#databaseOf(side), (client) => setPause(client, `${side}_${this.#place.name}`, paused));
  }

  async #isLetGo(side: SideName): Promise<boolean> {
    const slot = `${this.#place.id}_${side}`;
    return (await withClient(this.#databaseOf(side), (client) => slotCost(client, slot)))?.active === false;
  }

  #databaseOf(side: SideName): string {
    return side === 'registration' ? this.#place.source : this.#place.store;
  }
}
