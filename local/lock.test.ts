import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockBusy, lockHolder, withLock } from './lock.ts';
import { beginningOf } from './process-identity.ts';

describe('a lock', () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'concord-lock-'));
    file = path.join(directory, 'deep', 'lock');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is held by one at a time, and names its holder', async () => {
    await withLock(file, 'first', async () => {
      expect(lockHolder(file)).toMatchObject({ pid: process.pid, task: 'first' });
      const second = withLock(file, 'second', async () => 'never');
      await expect(second).rejects.toThrow(LockBusy);
      await expect(second).rejects.toThrow(/\(first\)/);
    });
    expect(lockHolder(file)).toBeNull();
  });

  it('is free after a failure', async () => {
    await expect(withLock(file, 'failing', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(withLock(file, 'next', async () => 'got it')).resolves.toBe('got it');
  });

  it('is waited for', async () => {
    let release: () => void = () => undefined;
    const held = withLock(file, 'first', () => new Promise<void>((resolve) => (release = resolve)));
    const waiting = withLock(file, 'second', async () => 'got it', 10_000);
    release();
    await held;
    await expect(waiting).resolves.toBe('got it');
  });

  it('is taken over from a holder that died', async () => {
    const child = spawn('sleep', ['60']);
    const pid = child.pid ?? 0;
    const dead = { pid, began: beginningOf(pid), task: 'dying' };
    await withLock(file, 'makes the directory', async () => undefined);
    writeFileSync(file, JSON.stringify(dead));
    expect(lockHolder(file)).toEqual(dead);
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
    await expect(withLock(file, 'heir', async () => readFileSync(file, 'utf8'))).resolves.toContain('heir');
  });

  it('is not held by another process that got the same pid', async () => {
    await withLock(file, 'makes the directory', async () => undefined);
    writeFileSync(file, JSON.stringify({ pid: process.pid, began: 'in another life', task: 'gone' }));
    expect(lockHolder(file)).toBeNull();
    await expect(withLock(file, 'next', async () => 'got it')).resolves.toBe('got it');
  });
});
