import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { checkoutDirectory, defaultDataDirectory } from '../local/checkout.ts';
import { findMaven } from '../local/java.ts';
import { withLock } from '../local/lock.ts';

/** Where the peer's files are, as they were fetched. */
export interface PeerArtifacts {
  /** Directory with the jars of the Connect worker. */
  readonly worker: string;
  /** The worker's `plugin.path`: a folder for each plugin. */
  readonly plugins: string;
}

export const peerFolder = path.join(checkoutDirectory, 'bench', 'peer');
const poms = [path.join(peerFolder, 'pom.xml'), path.join(peerFolder, 'converter', 'pom.xml')];
const fetchWaitMs = 15 * 60_000;

/** Fetches what the peer's poms pin, once; kept under the hash of the poms, and seen only when it is whole. */
export async function fetchPeer(report: (line: string) => void, signal: AbortSignal): Promise<PeerArtifacts> {
  const hash = createHash('sha256');
  for (const pom of poms) hash.update(readFileSync(pom));
  const parent = path.join(defaultDataDirectory, 'artifacts');
  const directory = path.join(parent, `peer-${hash.digest('hex').slice(0, 16)}`);
  const fetchOnce = async (): Promise<void> => {
    if (existsSync(directory)) return;
    const partial = `${directory}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    for (const pom of poms) {
      report(`fetching ${path.relative(checkoutDirectory, pom)} from Maven (about 80 MB together, once)`);
      await runMaven(pom, partial, signal);
    }
    renameSync(partial, directory);
  };
  mkdirSync(parent, { recursive: true });
  if (!existsSync(directory)) {
    await withLock(path.join(parent, 'peer.lock'), 'fetching the peer', fetchOnce, fetchWaitMs, signal);
  }
  return { worker: path.join(directory, 'connect'), plugins: path.join(directory, 'plugins') };
}

async function runMaven(pom: string, directory: string, signal: AbortSignal): Promise<void> {
  const args = ['-B', '-q', '-C', '-f', pom, `-Dconcord.artifacts=${directory}`, 'generate-resources'];
  const child = spawn(findMaven(), args, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000);
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (exitCode !== 0) throw new Error(`Maven could not fetch what ${pom} pins:\n${said}`);
}
