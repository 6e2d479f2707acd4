import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { reconcileMarkdown } from '../reconcile/report-guide.ts';
import { runbookMarkdown } from '../runtime/runbook.ts';
import { configurationMarkdown, settingsJsonSchema } from './configuration-document.ts';
import { metricsMarkdown } from './metrics-document.ts';
import { print } from './output.ts';
import { referenceFilesMarkdown } from './reference-document.ts';

/** The pages that are made from what the program knows: file name → text. */
export function documents(): ReadonlyMap<string, string> {
  return new Map([
    ['runbook.md', runbookMarkdown()],
    ['configuration.md', configurationMarkdown()],
    ['concord.schema.json', `${JSON.stringify(settingsJsonSchema(), null, 2)}\n`],
    ['metrics.md', metricsMarkdown()],
    ['reconcile.md', reconcileMarkdown()],
    ['reference-files.md', referenceFilesMarkdown()],
  ]);
}

/** `concord document`: writes these pages. Hidden: only who changes the program needs it. */
export function documentCommand(): Command {
  return new Command('document')
    .description('write the pages of docs/ that are made from the program')
    .argument('[directory]', 'where to', 'docs')
    .action((directory: string) => {
      mkdirSync(directory, { recursive: true });
      for (const [file, text] of documents()) {
        writeFileSync(path.join(directory, file), text);
        print(path.join(directory, file));
      }
    });
}
