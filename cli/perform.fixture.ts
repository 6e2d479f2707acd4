import { vi } from 'vitest';
import type { CommandResult, Rig } from '../test/rig.fixture.ts';
import { perform } from './perform.ts';

export interface Performed {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

/** Runs a command in this process; what it wrote, and the exit code that the process would have. */
export async function performed(...words: readonly string[]): Promise<Performed> {
  const out: string[] = [];
  const err: string[] = [];
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => err.push(String(text)) > 0),
  ];
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await perform(words);
    return { out: out.join(''), err: err.join(''), code: Number(process.exitCode) };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}

/** As `rig.command`, but in this process: without the time that a process takes to start. One at a time: it takes over the output. */
export async function performedOn(rig: Rig, ...words: readonly string[]): Promise<CommandResult> {
  const { out, err, code } = await performed(...words, '--config', rig.configurationFile);
  return { status: code, stdout: out, stderr: err };
}
