import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigurationError, parseConfiguration, readConfiguration } from './configuration.ts';

const schema = z.strictObject({
  name: z.string().min(1),
  password: z.string().optional(),
  size: z.int().min(1).max(9).default(3),
  kind: z.enum(['plain', 'scram']).default('plain'),
  addresses: z.array(z.string().regex(/:/, 'is not an address → write host:port')).default([]),
  on: z.boolean().default(true),
  tables: z.partialRecord(z.enum(['a', 'b']), z.string()).default({}),
});

function read(text: string, environment: NodeJS.ProcessEnv = {}): unknown {
  return parseConfiguration(text, 'concord.yaml', schema, environment);
}

function problemsOf(text: string, environment: NodeJS.ProcessEnv = {}): unknown {
  try {
    return read(text, environment);
  } catch (error) {
    if (error instanceof ConfigurationError)
      return error.problems.map(({ path, problem, fix }) => [path, problem, fix]);
    throw error;
  }
}

describe('a variable of the environment', () => {
  it('is put in wherever it stands in a text', () => {
    expect(read('name: a-${X}-${Y_2}\naddresses: ["${HOST}:1"]', { X: 'x', Y_2: '', HOST: 'h' })).toMatchObject({
      name: 'a-x-',
      addresses: ['h:1'],
    });
  });

  it('is not looked for in what it holds', () => {
    expect(read('name: ${X}', { X: '${Y}' })).toMatchObject({ name: '${Y}' });
  });

  it('stays a text, even if it looks like a number', () => {
    expect(read('name: n\npassword: ${X}', { X: '0123' })).toMatchObject({ password: '0123' });
  });

  it('that is not set is a problem with its name and path, each time', () => {
    expect(problemsOf('name: ${NO_1}${NO_2}\naddresses: ["${NO_1}:1"]')).toEqual([
      ['name', 'the environment variable NO_1 is not set', 'set NO_1, or write the value in the file'],
      ['name', 'the environment variable NO_2 is not set', 'set NO_2, or write the value in the file'],
      ['addresses.0', 'the environment variable NO_1 is not set', 'set NO_1, or write the value in the file'],
      ['name', 'is empty', 'write a text, or leave the setting out'],
    ]);
  });

  it.each(['$X', '{X}', '${}', '${1X}', '$${', '${X'])('is not meant by %s', (text) => {
    expect(read(`name: '${text}'`, { X: 'x' })).toMatchObject({ name: text });
  });
});

describe('a problem', () => {
  it.each<[text: string, path: string, problem: string, fix: string]>([
    ['{}', 'name', 'is missing', 'add it, as a text'],
    ['name: 5', 'name', 'is not a text', 'write a text'],
    ['{name: n, size: many}', 'size', 'is not a number', 'write a number'],
    ['{name: n, size: 1.5}', 'size', 'is not a whole number', 'write a whole number'],
    ['{name: n, size: 0}', 'size', 'is too small', 'the least is 1'],
    ['{name: n, size: 10}', 'size', 'is too large', 'the most is 9'],
    ['{name: n, on: perhaps}', 'on', 'is not true or false', 'write true or false'],
    ['{name: n, kind: md5}', 'kind', 'is not a value that is possible here', 'write one of plain, scram'],
    ['{name: n, addresses: h}', 'addresses', 'is not a list', 'write a list'],
    ['{name: n, addresses: [h]}', 'addresses.0', 'is not an address', 'write host:port'],
    ['{name: n, tables: {c: x}}', 'tables.c', 'this setting is not known', 'remove it, or correct its name'],
    ['{name: n, nmae: x}', 'nmae', 'this setting is not known', 'remove it, or correct its name'],
    ['', '', 'is not a group of settings', 'write a group of settings'],
    ['- a', '', 'is not a group of settings', 'write a group of settings'],
  ])('of %s is told with path and fix', (text, path, problem, fix) => {
    expect(problemsOf(text)).toEqual([[path, problem, fix]]);
  });

  it('of YAML itself is told with its line', () => {
    expect(problemsOf('name: [a\nsize: 1')).toEqual([['', expect.stringMatching(/at line 2/), 'correct the YAML']]);
    expect(problemsOf('name: a\nname: b')).toEqual([['', expect.stringMatching(/unique/), 'correct the YAML']]);
  });

  it('of a file that is not there is told with what to do', () => {
    expect(() => readConfiguration('no/such/file.yaml', schema, {})).toThrow(/the file can not be read → name an/);
  });

  it('never shows a value, which may be a secret', () => {
    const text = 'name: ${SECRET}\nsize: ${SECRET}\nkind: ${SECRET}\naddresses: ["${SECRET}"]';
    expect(() => read(text, { SECRET: 'hunter2' })).toThrow(ConfigurationError);
    expect(() => read(text, { SECRET: 'hunter2' })).not.toThrow(/hunter2/);
  });
});

it('all problems are one message, a line each', () => {
  expect(() => read('{size: 0, on: 1}')).toThrow(
    'concord.yaml has 3 problems:\n' +
      '  name: is missing → add it, as a text\n' +
      '  size: is too small → the least is 1\n' +
      '  on: is not true or false → write true or false',
  );
});
