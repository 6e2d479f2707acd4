import { expect, it } from 'vitest';
import { allExplanations } from './codes.ts';
import { reactionTo } from './retry-policy.ts';
import { faultKinds, runbookMarkdown } from './runbook.ts';

it('the runbook begins with what to look at first, and has the sentences of the retry policy', () => {
  const page = runbookMarkdown();
  expect(page.match(/^## .*$/gm)?.slice(0, 2)).toEqual(['## What to look at first', '## Kinds of faults']);
  for (const kind of faultKinds()) expect(page).toContain(reactionTo(kind).sentence);
});

it('the runbook has an entry for every code', () => {
  const entries = runbookMarkdown().match(/^### .*$/gm);
  expect(entries).toEqual(allExplanations().map(({ code }) => `### ${code}`));
});
