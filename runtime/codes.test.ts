import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { allExplanations, explanationOf } from './codes.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['runtime', 'avro', 'topics', 'connectors', 'reconcile', 'cli', 'console', 'local'];
/** The rule book explains its own codes, the generator breaks its rules, and the explanations do not use themselves. */
const apart = ['connectors/metering/rules/', 'local/generator/', 'runtime/explanations/'];

const files = folders
  .filter((folder) => existsSync(path.join(root, folder)))
  .flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => path.join(folder, file)),
  )
  .filter((file) => file.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(file))
  .filter((file) => !apart.some((folder) => file.startsWith(folder)));
const texts = files.map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }));

/** Where a fault is thrown, a finding is made, or a problem is told: the code is a literal after it. */
const uses =
  /(?:new Fault\(\s*(?:'[a-z]+'|\w+),|\b(?:gap|find|problem|code:)\(?|\bfinding\(\s*\w+(?:\.\w+)?,)\s*'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g;

const thrown = texts.flatMap(({ file, text }) =>
  [...text.matchAll(uses)].map((match) => ({ file, code: match[1] ?? '' })),
);

describe('explanations', () => {
  it('exist for every code that is thrown, found or told', () => {
    expect(thrown.length).toBeGreaterThan(80);
    expect(thrown.filter(({ code }) => explanationOf(code) === null)).toEqual([]);
  });

  it('exist for nothing that nobody throws', () => {
    const all = texts.map(({ text }) => text).join('\n');
    expect(allExplanations().filter(({ code }) => !all.includes(`'${code}'`))).toEqual([]);
  });

  it('have each code once', () => {
    const codes = allExplanations().map(({ code }) => code);
    expect(codes).toEqual([...new Set(codes)]);
  });

  it.each(allExplanations())('$code is told in sentences', ({ title, meaning, remedy }) => {
    expect(title).toMatch(/^[A-Z].*[^.]$/);
    expect(meaning).toMatch(/^[A-Z`].*\.$/);
    expect(remedy).toMatch(/^[A-Z`].*[.]$/);
  });
});

describe('faults', () => {
  it('are never made with a code that is no literal, save where one code is handed on', () => {
    const handedOn = texts.flatMap(({ file, text }) =>
      [...text.matchAll(/new Fault\(\s*(?:'[a-z]+'|\w+),\s*(?!')(\w+)/g)].map(() => file),
    );
    expect(handedOn).toEqual(['connectors/source/gap.ts']);
  });
});
