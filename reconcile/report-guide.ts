import type { Cause, Explanation } from './agreement.ts';

/** Key of `explained` in `concord reconcile --json` → what a row that is counted there is. */
const explanations: Readonly<Record<Explanation, string>> = {
  rejected: 'Its last event was refused by the rule book, and what the store has is what was accepted before it.',
  held: 'Its last event is held: it is judged again when what it needs has come.',
  deadLettered: 'Its last event could not be decoded, and waits in `concord dead-letters list`.',
  notOurs: 'The metering side is not meant to store it.',
  loading: 'The initial load, or a snapshot that somebody asked for, has not come to it yet.',
  unsent:
    'It differs only in values that did not arrive, and the store says so: too large for a record, or not sent again and being read. Mirrored tables only.',
  parked:
    'Its table is parked or paused, and the row was changed since: the change waits on the parked topic. `concord status` says why, and what to do.',
  unverified:
    "It is refused or dead-lettered, and the topic does not hold the event any more from which the store's version came: nothing says whether somebody has changed that version by hand. It is listed among the differences.",
};

/** `cause` of a difference that nothing explains → what it is. */
const causes: Readonly<Record<Cause, string>> = {
  'changed-in-store': 'Both sides have the row, and somebody else than Concord has changed it in the store.',
  missing: 'The source has the row, and the store has not.',
  extra: 'The store has the row, and the source has not.',
  unknown: 'Both sides have the row with other values, and nothing says why.',
};

/** `docs/reconcile.md`. */
export function reconcileMarkdown(): string {
  const table = (title: string, rows: Readonly<Record<string, string>>): string =>
    [
      `| ${title} | what it says of a row |`,
      '|---|---|',
      ...Object.entries(rows).map(([key, text]) => `| \`${key}\` | ${text} |`),
    ].join('\n');
  return `# What \`concord reconcile --json\` says

Made by \`concord document\`. The columns of the terminal, the page and the CSV file are the same, in words.

\`verdict\` is \`agree\` when nothing is unexplained in any table (exit code 0), else \`differ\` (exit code 3). Each of \`tables\` counts its rows as
\`sourceRows\`, \`storeRows\`, \`agreeing\`, \`explained\` and \`unexplained\`; \`source\` and \`store\` are the two equations, which close when
\`closes\` is true: the rows of each side = agreeing + explained + unexplained. A row that both sides have is counted once in \`agreeing\`,
\`explained\` and \`unexplained\`.

With \`--since\`, \`since\` names the run since which it compared, \`since.pages\` tells how many pages of all were read because somebody
had written them, and \`since.looked\` how many rows were looked at one by one. \`everyPageBecause\` says why every page had to be read. To
read only what was written, both servers need PostgreSQL 17 or newer with \`ALTER SYSTEM SET summarize_wal = on\`, and Concord's user on each of
them \`GRANT pg_checkpoint\`: such a run asks for a checkpoint on both.

## Rightly different: the keys of \`explained\`

${table('key', explanations)}

## Unexplained: the \`cause\` of a difference

${table('cause', causes)}
`;
}
