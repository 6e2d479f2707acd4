import { expect, it } from 'vitest';
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
