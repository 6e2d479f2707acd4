import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { beginningOf } from './process-identity.ts';
import { launch, livePid, livePids, logFile, remember, stopProcess, untilReady } from './processes.ts';

describe('a process of a data directory', () => {
  let dataDir: string;

  beforeEach(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'concord-processes-'));
  });
  afterEach(async () => {
    await stopProcess(dataDir, 'kafka', []);
    rmSync(dataDir, { recursive: true });
  });

  const start = (script: string): number =>
    launch(dataDir, { name: 'kafka', command: '/bin/sh', args: ['-c', script], directory: dataDir });
  const wrote = (text: string) => (): Promise<boolean> =>
    Promise.resolve(readFileSync(logFile(dataDir, 'kafka'), 'utf8').includes(text));

  it('is known by its name from its start to its end, and writes into its log', async () => {
    const pid = start('echo here; exec sleep 60');
    expect(livePids(dataDir)).toEqual({ kafka: pid });
    await untilReady(dataDir, 'kafka', wrote('here'), 5_000);
    expect(await stopProcess(dataDir, 'kafka', [{ signal: 'SIGTERM', graceMs: 5_000 }])).toBe(true);
    expect(beginningOf(pid)).toBeNull();
    expect(livePids(dataDir)).toEqual({});
    expect(await stopProcess(dataDir, 'kafka', [])).toBe(false);
  });

  it('is killed when it does not heed the signal', async () => {
    const pid = start('trap "" TERM; echo deaf; while true; do sleep 0.05; done');
    await untilReady(dataDir, 'kafka', wrote('deaf'), 5_000);
    await stopProcess(dataDir, 'kafka', [{ signal: 'SIGTERM', graceMs: 200 }]);
    expect(beginningOf(pid)).toBeNull();
  });

  it('is waited for to its end, also when it forgets itself before it', async () => {
    const pid = start('trap "rm run/kafka.json; sleep 0.3; exit" TERM; echo ready; while true; do sleep 0.02; done');
    await untilReady(dataDir, 'kafka', wrote('ready'), 5_000);
    await stopProcess(dataDir, 'kafka', [{ signal: 'SIGTERM', graceMs: 20_000 }]);
    expect(beginningOf(pid)).toBeNull();
  });

  it('tells the end of its log when it dies while it starts', async () => {
    start('echo the reason; exit 3');
    const starting = untilReady(dataDir, 'kafka', () => Promise.resolve(false), 5_000);
    await expect(starting).rejects.toThrow(/ended while it was starting[^]*the reason/);
  });

  it('is never another process that got its pid', async () => {
    mkdirSync(path.join(dataDir, 'run'));
    writeFileSync(
      path.join(dataDir, 'run', 'kafka.json'),
      JSON.stringify({ pid: process.pid, began: 'in another life' }),
    );
    expect(livePid(dataDir, 'kafka')).toBeNull();
    // Would kill the test itself.
    expect(await stopProcess(dataDir, 'kafka', [{ signal: 'SIGKILL', graceMs: 1_000 }])).toBe(false);
  });

  it('says so when its program does not run at all', () => {
    expect(() => launch(dataDir, { name: 'kafka', command: '/nowhere/java', args: [], directory: dataDir })).toThrow(
      /does not run/,
    );
  });

  it('can be this very process', () => {
    remember(dataDir, 'supervisor', process.pid);
    expect(livePids(dataDir)).toEqual({ supervisor: process.pid });
  });
});
