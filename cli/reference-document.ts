import { editionExample } from '../connectors/registration/reference/edition.ts';
import { type ReferenceTableForm, referenceForms } from '../connectors/registration/reference/tables.ts';

/** `docs/reference-files.md`: the files of `concord reference load`, from what reads them. */
export function referenceFilesMarkdown(): string {
  return `${opening}\n${referenceForms.map(sectionOf).join('\n')}\n${closing}`;
}

function sectionOf({ table, columns, key }: ReferenceTableForm): string {
  const rows = columns.map(
    ({ item, expected, optional }) => `| \`${item}\` | ${expected}${optional ? '; may be empty' : ''} |`,
  );
  return `## \`${table}.csv\`

Rows of \`registration.${table}\`. A row is told from others by ${key.map((item) => `\`${item}\``).join(', ')}.

| column | value |
|---|---|
${rows.join('\n')}
`;
}

const opening = `# Files of Market Domain Data

Made by \`concord document\` from what reads them. \`concord reference load DIRECTORY\` takes them into the reference tables of the
registration database, from where they are published like every other change.

This is a CSV layout of our own for the content of Market Domain Data that the rule book needs: it is not the layout of the D0269 and
D0270 flows, from which such files are made.

- A directory holds one **edition**. Its files are \`participant.csv\` and \`distributor_gsp_group.csv\`; a table may come in several
  (\`participant-suppliers.csv\`, \`participant.2.csv\`). Files that do not end in \`.csv\` are left alone, any other CSV file is refused.
- UTF-8 (a byte order mark may be there), commas, quotes as in RFC 4180. An empty value is NULL. Dates are \`YYYY-MM-DD\`, both inclusive.
- The **first line** of each file names the edition: \`${editionExample}\` for a full set, \`#mdd version=44 set=increment base=43\` for an
  increment. \`rows=N\`, the number of rows that follow, may be added: a file that was cut off is found by it.
- The **second line** names the columns, in any order. A column \`reference_version\` may be there; it must say the version of the file.
- A **full set** (as D0269) says what there is: rows that it does not name are removed. It must have both tables. All participants get its
  version as their \`reference_version\`.
- An **increment** (as D0270) changes the rows that it names, and needs only the tables that it changes. A column \`change\` may say \`put\`
  (the default) or \`remove\`, which needs the columns of the key only. Only rows that it puts get its version.

\`\`\`csv
#mdd version=44 set=increment base=43
change,mpid,role,name,effective_from,effective_to
put,SUPN,X,"New Supplier, plc",2026-04-01,
remove,SUPO,X,,2019-01-01,
\`\`\`
`;

const closing = `## What is refused

Everything that is wrong in any file is told at once, with file, line, column and fix, and nothing is loaded: above all files of mixed
versions, a row that is there twice, and a prefix that two distributors have on the same day. A version older than the one that is
there is refused, and so is an increment whose base is not there, unless \`--force\` is given. \`--plan\` shows what would change.

A load is one transaction: nobody sees half an edition, and the metering side judges by all of it or by nothing of it. Each load is kept
in \`concord.reference_load\` of the registration database: version, files, counts, by whom and when.
`;
