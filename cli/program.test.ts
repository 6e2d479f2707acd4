import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { performed } from './perform.fixture.ts';
import { createProgram, programFor } from './program.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'concord-cli-'));
const badFile = path.join(directory, 'bad.yaml');
writeFileSync(badFile, 'registration: 5\nkafka: {brokers: [], tls: {cert: a}}\n');

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** Every command that can be called, by the words that call it. */
function commands(command: Command, words: readonly string[] = []): [words: string, command: Command][] {
  return [[words.join(' '), command], ...command.commands.flatMap((one) => commands(one, [...words, one.name()]))];
}

const whole = await createProgram();
const all = commands(whole);

describe('--help', () => {
  it('of every command is as it was', () => {
    const pages = all.map(([words, command]) => {
      command.configureHelp({ helpWidth: 110 });
      return `$ concord ${words} --help\n${command.helpInformation()}`;
    });
    expect(pages.join('\n')).toMatchSnapshot();
  });

  it('is done, on standard output, and shows exit codes', async () => {
    const { out, err, code } = await performed('--help');
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toContain('Exit codes: 0 done, 1 fault, 2 bad usage or configuration, 3 it ran and found');
  });

  it.each(all.filter(([, command]) => command.commands.length === 0))(
    '%s describes each of its options',
    (_, command) => {
      expect(command.description()).toMatch(/^[a-z]/);
      expect(command.options.filter((option) => option.description === '').map((option) => option.flags)).toEqual([]);
    },
  );
});

it.each(whole.commands.map((command) => command.name()))(
  '%s is found by its name, and is all that is loaded',
  async (name) => {
    expect((await programFor([name, '--json'])).commands.map((command) => command.name())).toEqual([name]);
  },
);

describe('bad usage is exit code 2, with nothing on standard output', () => {
  it.each([
    [['staus'], /unknown command 'staus'.*Did you mean status/s],
    [['status', '--jsn'], /unknown option '--jsn'/],
    [['run', 'both'], /Allowed choices are registration, metering/],
    [['explain'], /missing required argument 'code'/],
    [['status', '--config'], /argument missing/],
    [['status', '--config', 'a.yaml', '--data-dir', 'b'], /either --config or --data-dir/],
    [
      ['status', '--config', path.join(directory, 'none.yaml'), '--json'],
      /the file can not be read → name an existing/,
    ],
    [['status', '--data-dir', path.join(directory, 'none')], /no embedded stack in .*`concord up`/s],
  ])('%j', async (words, text) => {
    const { out, err, code } = await performed(...words);
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err).toMatch(text);
    expect(err).not.toMatch(/^ {4}at /m);
  });

  it.each(['run', 'init', 'check', 'status', 'balance', 'env', 'receipts', 'topics plan', 'rejections list'])(
    '%s tells every problem of a bad file',
    async (words) => {
      const { out, err, code } = await performed(...words.split(' '), '--config', badFile);
      expect({ out, code }).toEqual({ out: '', code: 2 });
      expect(err).toContain(`${badFile} has 5 problems:\n`);
      expect(err.match(/ → /g)).toHaveLength(5);
    },
  );
});

describe('explain', () => {
  it.each([
    ['SLOT_LOST', 'SLOT_LOST: The server has removed WAL'],
    ['slot_lost', 'SLOT_LOST: The server has removed WAL'],
    ['MPAN_CHECK_DIGIT', 'MPAN_CHECK_DIGIT: The last digit'],
    ['PROCESS_NOT_RUNNING', 'What to do:    Run `concord up`'],
  ])('%s', async (word, text) => {
    const { out, err, code } = await performed('explain', word);
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toContain(text);
  });

  it('prints exactly one JSON document', async () => {
    const { out } = await performed('explain', 'WAL_LEVEL', '--json');
    expect(JSON.parse(out)).toEqual({
      code: 'WAL_LEVEL',
      title: expect.any(String) as string,
      meaning: expect.any(String) as string,
      remedy: expect.stringContaining('ALTER SYSTEM') as string,
    });
  });

  it.each([
    ['SLOT_AHEAD', 'SLOT_AHEAD_OF_CHECKPOINT'],
    ['MPAN_CHEK_DIGIT', 'MPAN_CHECK_DIGIT'],
    ['replica-identiy', 'REPLICA_IDENTITY'],
  ])('%s: did you mean %s?', async (word, near) => {
    const { out, err, code } = await performed('explain', word);
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err).toContain(`Did you mean ${near}?`);
  });

  it('what nothing comes near is said so, with where to look', async () => {
    const { err } = await performed('explain', 'xyzzy');
    expect(err).toBe('There is no code xyzzy. `concord rules list` lists the rules, docs/runbook.md all others.\n');
  });
});
