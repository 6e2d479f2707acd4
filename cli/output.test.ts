import { describe, expect, it, vi } from 'vitest';
import { ConfigurationError } from '../runtime/configuration.ts';
import { Fault } from '../runtime/fault.ts';
import { explainFailure, printTable, UsageError } from './output.ts';

function capture(stream: 'stdout' | 'stderr', act: () => unknown): { text: string; result: unknown } {
  const written: string[] = [];
  const spy = vi.spyOn(process[stream], 'write').mockImplementation((text) => written.push(String(text)) > 0);
  try {
    return { result: act(), text: written.join('') };
  } finally {
    spy.mockRestore();
  }
}

describe('a failure is told with what to do', () => {
  it.each<[what: string, error: unknown, code: number, text: RegExp]>([
    ['a fault', new Fault('gap', 'SLOT_LOST', 'Gone.'), 1, /^SLOT_LOST: Gone\.\n {2}What to do: Raise max_slot/],
    ['bad usage', new UsageError('Say more.'), 2, /^Say more\.\n$/],
    ['a bad file', new ConfigurationError('c.yaml', [{ path: 'a', problem: 'b', fix: 'c' }]), 2, /^c\.yaml has 1 prob/],
    ['a bug', new TypeError('oops'), 1, /^TypeError: oops\n {4}at .*This is a bug in Concord/s],
    ['what is no error', 'odd', 1, /^odd\nThis is a bug/],
  ])('%s', (_, error, code, text) => {
    const told = capture('stderr', () => explainFailure(error));
    expect(told.result).toBe(code);
    expect(told.text).toMatch(text);
  });

  it('and never with an MPAN core', () => {
    const fault = new Fault('corrupt', 'DATABASE_ERROR', 'Key (mpan_core)=(1312345678907) is there.');
    expect(capture('stderr', () => explainFailure(fault)).text).toContain('(13*********07)');
  });
});

describe('a table', () => {
  it('has columns in line, numbers to the right', () => {
    const rows = [
      ['a', 1_234, null],
      ['bcd', 5, 'x'],
    ] as const;
    expect(capture('stdout', () => printTable(['name', 'n', 'note'], rows, 'None.')).text).toBe(
      ['name      n  note', '────  ─────  ────', 'a     1,234', 'bcd       5  x', ''].join('\n'),
    );
  });

  it('without rows is a sentence', () => {
    expect(capture('stdout', () => printTable(['name'], [], 'There is none.')).text).toBe('There is none.\n');
  });
});
