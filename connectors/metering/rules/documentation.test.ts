import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ruleBookMarkdown } from './documentation.ts';
import { ruleBook } from './rule-book.ts';

describe('docs/rules.md', () => {
  it('is what the rules say (after a change of a rule, run: npm run concord -- rules document)', () => {
    expect(readFileSync('docs/rules.md', 'utf8')).toBe(ruleBookMarkdown());
  });

  it('has a section for every rule', () => {
    const page = ruleBookMarkdown();
    for (const { code } of ruleBook) expect(page).toContain(`\n### ${code}\n`);
  });
});
