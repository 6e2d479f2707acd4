import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Fault } from '../runtime/fault.ts';
import { brokerAnswers } from './broker-probe.ts';
import { demandFree } from './ports.ts';
import { launch, livePid, stopProcess, untilReady } from './processes.ts';

export interface KafkaPart {
  readonly dataDir: string;
  readonly java: string;
  /** Directory with the broker's jars. */
  readonly jars: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly clusterId: string;
}

const startTimeoutMs = 90_000;
const runFile = promisify(execFile);

/** Starts the broker (KRaft, broker and controller in one) if it is not running. Returns true if it had to be started. */
export async function startKafka(part: KafkaPart, signal?: AbortSignal): Promise<boolean> {
  const running = livePid(part.dataDir, 'kafka') !== null;
  if (!running) {
    await demandFree('kafka', part.port);
    await demandFree('kafka-controller', part.controllerPort);
    const properties = writeProperties(part);
    await format(part, properties, signal);
    launch(part.dataDir, {
      name: 'kafka',
      command: part.java,
      args: [...virtualMachineOptions(part, 512), 'kafka.Kafka', properties],
      directory: kafkaDirectory(part),
    });
  }
  await untilReady(part.dataDir, 'kafka', () => brokerAnswers(part.port), startTimeoutMs, signal);
  return !running;
}

export function stopKafka(dataDir: string): Promise<boolean> {
  return stopProcess(dataDir, 'kafka', [{ signal: 'SIGTERM', graceMs: 20_000 }]);
}

function kafkaDirectory(part: KafkaPart): string {
  return path.join(part.dataDir, 'kafka');
}

function virtualMachineOptions(part: KafkaPart, heapMegabytes: number): string[] {
  return [
    `-Xmx${heapMegabytes}m`,
    '-XX:-UsePerfData',
    '-Djava.net.preferIPv4Stack=true',
    `-Dlog4j2.configurationFile=${path.join(kafkaDirectory(part), 'log4j2.properties')}`,
    '-cp',
    path.join(part.jars, '*'),
  ];
}

/** A log directory is formatted once; the broker refuses one that is not. */
async function format(part: KafkaPart, properties: string, signal: AbortSignal | undefined): Promise<void> {
  if (existsSync(path.join(kafkaDirectory(part), 'data', 'meta.properties'))) return;
  const args = [
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    ...virtualMachineOptions(part, 128),
    'kafka.tools.StorageTool',
  ];
  // One word: an id may begin with a hyphen, and would be taken for an option.
  args.push('format', '--ignore-formatted', `--cluster-id=${part.clusterId}`, '--config', properties);
  try {
    await runFile(part.java, args, { cwd: kafkaDirectory(part), ...(signal && { signal }) });
  } catch (cause) {
    signal?.throwIfAborted();
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Fault(
      'misconfigured',
      'BROKER_NOT_FORMATTED',
      `The broker's directory can not be set up: ${said}`,
      {},
      cause,
    );
  }
}

function writeProperties(part: KafkaPart): string {
  const directory = kafkaDirectory(part);
  mkdirSync(directory, { recursive: true });
  const listener = `127.0.0.1:${part.port}`;
  const controller = `127.0.0.1:${part.controllerPort}`;
  const properties: Readonly<Record<string, string | number | boolean>> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${controller}`,
    listeners: `PLAINTEXT://${listener},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${listener}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': path.join(directory, 'data'),
    // One broker: every internal topic has one replica, and few partitions, which are what costs time at a start.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    // A topic that nobody declared is a mistake, not a wish.
    'auto.create.topics.enable': false,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    // After a kill the same broker may register again as soon as its old session is over.
    'broker.heartbeat.interval.ms': 1_000,
    'broker.session.timeout.ms': 4_000,
    // A transaction of a producer that died is ended soon after its time-out, so that readers are not held up.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000,
  };
  const file = path.join(directory, 'server.properties');
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  writeFileSync(path.join(directory, 'log4j2.properties'), logging);
  return file;
}

const logging = `rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = INFO
`;
