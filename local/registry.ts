import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { demandFree } from './ports.ts';
import { launch, livePid, stopProcess, untilReady } from './processes.ts';

export interface RegistryPart {
  readonly dataDir: string;
  readonly java: string;
  readonly jar: string;
  readonly port: number;
}

const startTimeoutMs = 120_000;

/** The base URL of the registry's Confluent-compatible interface. */
export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

/** Starts the schema registry if it is not running. Returns true if it had to be started. */
export async function startRegistry(part: RegistryPart, signal?: AbortSignal): Promise<boolean> {
  const running = livePid(part.dataDir, 'registry') !== null;
  if (!running) {
    await demandFree('registry', part.port);
    const directory = path.join(part.dataDir, 'registry');
    mkdirSync(path.join(directory, 'temporary'), { recursive: true });
    launch(part.dataDir, { name: 'registry', command: part.java, args: options(part, directory), directory });
  }
  await untilReady(part.dataDir, 'registry', () => registryAnswers(part.port), startTimeoutMs, signal);
  return !running;
}

export function stopRegistry(dataDir: string): Promise<boolean> {
  return stopProcess(dataDir, 'registry', [{ signal: 'SIGTERM', graceMs: 10_000 }]);
}

function options(part: RegistryPart, directory: string): string[] {
  return [
    // It answers a handful of requests: a small heap and the quick compiler leave the cores to the others.
    '-Xmx320m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:-UsePerfData',
    '-Djava.net.preferIPv4Stack=true',
    `-Djava.io.tmpdir=${path.join(directory, 'temporary')}`,
    '-Dquarkus.http.host=127.0.0.1',
    `-Dquarkus.http.port=${part.port}`,
    // Its default is memory, which would lose every schema at a restart.
    '-Dapicurio.storage.kind=sql',
    '-Dapicurio.storage.sql.kind=h2',
    // H2 would write a commit half a second later: a schema that was just registered would be gone after a kill.
    `-Dapicurio.datasource.url=jdbc:h2:file:${path.join(directory, 'registry')};WRITE_DELAY=0`,
    '-jar',
    part.jar,
  ];
}

async function registryAnswers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`${registryUrl(port)}/subjects`, { signal: AbortSignal.timeout(5_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
