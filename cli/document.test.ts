import { expect, it } from 'vitest';
import { readReferenceSet } from '../connectors/registration/reference/read-set.ts';
import { documents } from './document.ts';

it.each([...documents()])('docs/%s is what `concord document` writes', async (file, text) => {
  await expect(text).toMatchFileSnapshot(`../docs/${file}`);
});

it('the page of metrics has every metric once, and its alerts name metrics that there are', () => {
  const page = documents().get('metrics.md') ?? '';
  const names = [...page.matchAll(/^\| `(concord_\w+)`/gm)].map((match) => match[1]);
  expect(names.length).toBeGreaterThan(25);
  expect(new Set(names).size).toBe(names.length);
  const used = [...page.matchAll(/expr: .*?(concord_\w+)/g)].map((match) => match[1]);
  expect(used.filter((name) => !names.includes(name))).toEqual([]);
});

it('the page of the configuration describes every setting', () => {
  const rows = (documents().get('configuration.md') ?? '').match(/^\| `.*$/gm) ?? [];
  expect(rows.length).toBeGreaterThan(80);
  expect(rows.filter((row) => (row.split(' | ')[1] ?? '').trim() === '')).toEqual([]);
});

it('the example of the page of reference files can be loaded', () => {
  const text = /```csv\n([^`]+)```/.exec(documents().get('reference-files.md') ?? '')?.[1] ?? '';
  const found = readReferenceSet([{ name: 'participant.csv', bytes: Buffer.from(text) }]);
  expect(found).toMatchObject({ set: { edition: { version: 44, set: 'increment', base: 43 } } });
});
