import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { beginningOf } from '../local/process-identity.ts';
import { livePid, livePids, logFile, type ProcessName } from '../local/processes.ts';
import { removeStack } from '../local/stack.ts';
import { readState } from '../local/state.ts';
import { until } from './rig.fixture.ts';

const program = path.resolve(import.meta.dirname, '../dist/cli/concord.js');
const runFile = promisify(execFile);

describe('a side that is killed is started again by itself, and `down` ends everything', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'concord-supervised-'));
  const concord = (...words: readonly string[]): Promise<unknown> =>
    runFile(process.execPath, [program, ...words, '--data-dir', dataDir]);
  let foreground: ChildProcess | null = null;

  beforeAll(() => concord('up', '--detach'));
  afterAll(async () => {
    foreground?.kill('SIGKILL');
    await concord('down');
    removeStack(dataDir);
  });

  function kill(name: ProcessName): number {
    const pid = livePid(dataDir, name);
    if (pid === null) throw new Error(`${name} does not run`);
    process.kill(pid, 'SIGKILL');
    return pid;
  }

  async function isHealthyAgain(name: 'registration' | 'metering', killed: number): Promise<void> {
    await until(
      `${name} is another process`,
      () => Promise.resolve(livePid(dataDir, name)),
      (pid) => pid !== null && pid !== killed,
    );
    await until(
      `${name} is healthy`,
      () =>
        fetch(`http://127.0.0.1:${readState(dataDir)?.ports[name]}/healthz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      (ok) => ok,
    );
  }

  async function downLeavesNothing(): Promise<void> {
    const pids = Object.values(livePids(dataDir));
    expect(pids.length).toBe(7);
    await concord('down');
    expect(livePids(dataDir)).toEqual({});
    expect(pids.filter((pid) => beginningOf(pid) !== null)).toEqual([]);
  }

  test('after `up --detach`, each side, again and again; a server only by `up`', async () => {
    for (const side of ['metering', 'registration', 'metering'] as const) await isHealthyAgain(side, kill(side));
    const log = readFileSync(logFile(dataDir, 'supervisor'), 'utf8');
    expect(log).toContain('metering ended without a word (it was killed, or crashed): starting it again');
    expect(log).toMatch(/registration started again; should that end within 30 s, the next start waits \d/);
    kill('registry');
    const metering = kill('metering');
    // Whoever comes first: both start what is missing, and nothing is started twice.
    await concord('up', '--detach');
    await isHealthyAgain('metering', metering);
    expect(livePid(dataDir, 'registry')).not.toBeNull();
    await downLeavesNothing();
  });

  test('under `up` in the foreground, which takes over from the one that was left behind', async () => {
    await concord('up', '--detach');
    const before = livePid(dataDir, 'supervisor');
    let said = '';
    foreground = spawn(process.execPath, [program, 'up', '--data-dir', dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    foreground.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until(
      'it supervises',
      () => Promise.resolve(livePid(dataDir, 'supervisor')),
      (pid) => pid === foreground?.pid,
    );
    expect(beginningOf(before ?? 0)).toBeNull();
    await isHealthyAgain('registration', kill('registration'));
    expect(said).toContain('registration ended without a word');
    const ended = once(foreground, 'exit');
    await downLeavesNothing();
    expect(await ended).toEqual([0, null]);
  });
});
