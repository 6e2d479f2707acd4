import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Fault } from '../runtime/fault.ts';
import { checkoutDirectory, defaultDataDirectory } from './checkout.ts';
import { findMaven } from './java.ts';
import { withLock } from './lock.ts';

/** The servers that came from Maven. */
export interface Artifacts {
  /** Directory with the jars of the broker. */
  readonly kafkaDirectory: string;
  /** The runnable jar of the schema registry. */
  readonly registryJar: string;
}

const fetchWaitMs = 15 * 60_000;

/**
 * The servers that `pom.xml` pins, fetched once and used by every later start. They are kept under the hash of the pom, so
 * a changed pin is a new fetch. Two starts at once fetch once: the second waits for the first.
 */
export async function fetchArtifacts(report: (line: string) => void, signal?: AbortSignal): Promise<Artifacts> {
  const pom = path.join(checkoutDirectory, 'pom.xml');
  const hash = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 16);
  const parent = path.join(defaultDataDirectory, 'artifacts');
  const directory = path.join(parent, hash);
  if (!existsSync(directory)) {
    const fetchOnce = async (): Promise<void> => {
      if (existsSync(directory)) return;
      const partial = `${directory}.partial`;
      rmSync(partial, { recursive: true, force: true });
      mkdirSync(partial, { recursive: true });
      await runMaven(pom, partial, report, signal);
      // The name appears only when everything is there: a fetch that was killed is never taken for a whole one.
      renameSync(partial, directory);
    };
    await withLock(
      path.join(parent, 'fetch.lock'),
      'fetching Kafka and the schema registry',
      fetchOnce,
      fetchWaitMs,
      signal,
    );
  }
  const registryDirectory = path.join(directory, 'registry');
  const runner = readdirSync(registryDirectory).find((name) => name.endsWith('-runner.jar'));
  if (runner === undefined) {
    throw new Fault(
      'corrupt',
      'ARTIFACTS_INCOMPLETE',
      `There is no registry in ${registryDirectory}. Remove ${directory} and start again.`,
    );
  }
  return { kafkaDirectory: path.join(directory, 'kafka'), registryJar: path.join(registryDirectory, runner) };
}

async function runMaven(
  pom: string,
  directory: string,
  report: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const maven = findMaven();
  report('fetching Kafka and the schema registry from Maven (about 170 MB, once)');
  const args = ['-B', '-C', '-f', pom, `-Dconcord.artifacts=${directory}`, 'generate-resources'];
  const child = spawn(maven, args, { stdio: ['ignore', 'pipe', 'inherit'], ...(signal && { signal }) });
  const exitCode = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const errors: string[] = [];
  let fetched = 0;
  child.stdout.setEncoding('utf8');
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('[ERROR]') || line.includes('[FATAL]')) errors.push(line);
    const file = /Downloaded from .*\/(\S+) \(/.exec(line)?.[1];
    if (file === undefined) return;
    fetched += 1;
    report(`fetched ${fetched} files: ${file}`);
  });
  if ((await exitCode) === 0) return;
  signal?.throwIfAborted();
  throw new Fault(
    'unavailable',
    'ARTIFACTS_NOT_FETCHED',
    'Maven could not fetch Kafka and the schema registry. Check the network, and the mirror and proxy in Maven’s settings.xml; ' +
      `then start again. What Maven said:\n${errors.slice(0, 5).join('\n')}`,
  );
}
