import { vi } from 'vitest';
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
