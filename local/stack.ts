import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Fault } from '../runtime/fault.ts';
import { fetchArtifacts } from './artifacts.ts';
import { canReach, databaseUser, type SystemUser } from './database-user.ts';
import { findJava } from './java.ts';
import { startKafka, stopKafka } from './kafka.ts';
import { settlePorts, type Ports } from './ports.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { postgresUrl, startPostgres, stopPostgres, type PostgresName } from './postgres.ts';
import { livePids, type ProcessName } from './processes.ts';
import { registryUrl, startRegistry, stopRegistry } from './registry.ts';
import { openState, readState, writeState, type PortName, type StackState } from './state.ts';

/** Where everything of an embedded stack is: what `concord env` prints. `kafkaBrokers` is one comma-separated string. */
export interface StackAddresses {
  readonly registrationUrl: string;
  readonly meteringUrl: string;
  readonly kafkaBrokers: string;
  readonly schemaRegistryUrl: string;
  readonly consoleUrl: string;
}

export interface StackOptions {
  /** Ports that must be these. */
  readonly ports?: Partial<Record<PortName, number>>;
  /** Told what happens, a line at a time. */
  readonly report?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Starts what is missing of the servers: two PostgreSQL, the broker and the registry. A new data directory is set up; an
 * existing one keeps its ports and its data, whatever was killed. Returns when all of them answer.
 */
export async function startStack(dataDir: string, options: StackOptions = {}): Promise<StackAddresses> {
  const { report = () => undefined, signal } = options;
  const java = findJava();
  const artifacts = await fetchArtifacts(report, signal);
  const user = databaseUser();
  const state = await settle(dataDir, options.ports ?? {}, user);
  const ports = state.ports as Ports;
  const databasesDirectory = state.databasesDirectory ?? dataDir;
  if (databasesDirectory !== dataDir)
    report(`the databases are in ${databasesDirectory}: their user can not reach ${dataDir}`);
  const binaries = postgresBinaries(user, databasesDirectory);
  const database = (name: PostgresName, called: string): Promise<boolean> =>
    startPostgres(
      {
        dataDir,
        name,
        databasesDirectory,
        binaries,
        user,
        port: ports[name],
        password: state.password,
        database: called,
      },
      signal,
    );
  const starting: readonly (readonly [ProcessName, Promise<boolean>])[] = [
    ['postgres-registration', database('postgres-registration', 'registration')],
    ['postgres-metering', database('postgres-metering', 'metering')],
    [
      'kafka',
      startKafka(
        {
          dataDir,
          java,
          jars: artifacts.kafkaDirectory,
          port: ports.kafka,
          controllerPort: ports['kafka-controller'],
          clusterId: state.kafkaClusterId,
        },
        signal,
      ),
    ],
    ['registry', startRegistry({ dataDir, java, jar: artifacts.registryJar, port: ports.registry }, signal)],
  ];
  // All are waited for even if one fails: none may still be starting when the failure is told.
  const results = await Promise.allSettled(
    starting.map(async ([name, start]) => report(`${name} ${(await start) ? 'started' : 'runs'}`)),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return addressesOf(state);
}

/** Stops the servers in order: the registry, the broker, the databases. Returns what was running. */
export async function stopStack(
  dataDir: string,
  report: (line: string) => void = () => undefined,
): Promise<ProcessName[]> {
  const stopped: ProcessName[] = [];
  const stop = async (name: ProcessName, act: (directory: string) => Promise<boolean>): Promise<void> => {
    if (!(await act(dataDir))) return;
    stopped.push(name);
    report(`${name} stopped`);
  };
  await stop('registry', stopRegistry);
  await stop('kafka', stopKafka);
  await Promise.all([
    stop('postgres-metering', () => stopPostgres(dataDir, 'postgres-metering')),
    stop('postgres-registration', () => stopPostgres(dataDir, 'postgres-registration')),
  ]);
  return stopped;
}

/** The addresses of the data directory's stack, running or not; null if it was never started. */
export function readAddresses(dataDir: string): StackAddresses | null {
  const state = readState(dataDir);
  return state === null || state.ports.metering === undefined ? null : addressesOf(state);
}

/** Removes a stopped stack with everything it holds. */
export function removeStack(dataDir: string): void {
  const alive = Object.keys(livePids(dataDir));
  if (alive.length > 0)
    throw new Fault(
      'misconfigured',
      'STACK_RUNS',
      `The stack in ${dataDir} runs (${alive.join(', ')}): stop it first.`,
    );
  const elsewhere = readState(dataDir)?.databasesDirectory;
  if (elsewhere !== undefined) rmSync(elsewhere, { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
}

function addressesOf(state: StackState): StackAddresses {
  const ports = state.ports as Ports;
  return {
    registrationUrl: postgresUrl(ports['postgres-registration'], state.password, 'registration'),
    meteringUrl: postgresUrl(ports['postgres-metering'], state.password, 'metering'),
    kafkaBrokers: `127.0.0.1:${ports.kafka}`,
    schemaRegistryUrl: registryUrl(ports.registry),
    consoleUrl: `http://127.0.0.1:${ports.metering}`,
  };
}

/** The state with every port and the place of the databases decided, and kept. */
async function settle(
  dataDir: string,
  given: Partial<Record<PortName, number>>,
  user: SystemUser | null,
): Promise<StackState> {
  mkdirSync(dataDir, { recursive: true });
  const state = openState(dataDir);
  state.ports = await settlePorts(state.ports, given);
  const hasDatabases = existsSync(path.join(dataDir, 'postgres-registration'));
  if (state.databasesDirectory === undefined && !hasDatabases && !canReach(user, dataDir))
    state.databasesDirectory = privateDirectory();
  if (state.databasesDirectory !== undefined && !existsSync(state.databasesDirectory)) {
    throw new Fault(
      'gap',
      'DATABASES_GONE',
      `The databases of ${dataDir} were in ${state.databasesDirectory}, which is gone. ` +
        `Nothing can be continued without them: remove ${dataDir} and start anew.`,
    );
  }
  writeState(dataDir, state);
  return state;
}

/** A directory that every user can reach, for the databases of a data directory that their user can not. */
function privateDirectory(): string {
  const directory = mkdtempSync(path.join(existsSync('/var/tmp') ? '/var/tmp' : tmpdir(), 'concord-'));
  chmodSync(directory, 0o711);
  return directory;
}
