import { describe, expect, it } from 'vitest';
import { readReferenceSet } from './read-set.ts';

const participants = `#mdd version=42 set=full
mpid,role,name,effective_from,effective_to
SUPA,X,"Supplier A, plc",2000-01-01,
SUPB,X,Supplier B,2001-01-01,2026-03-31
`;
const distributors = `#mdd version=42 set=full rows=1
prefix,distributor_mpid,gsp_group,effective_from,effective_to
13,MANW,_D,1996-04-01,
`;

function read(files: Readonly<Record<string, string | Uint8Array>>) {
  return readReferenceSet(
    Object.entries(files).map(([name, text]) => ({ name, bytes: typeof text === 'string' ? Buffer.from(text) : text })),
  );
}

/** `file:line:column problem → fix` of everything that is wrong. */
function problemsOf(files: Readonly<Record<string, string | Uint8Array>>): readonly string[] {
  const found = read(files);
  if (!('problems' in found)) return [];
  return found.problems.map(
    ({ file, line, column, problem, fix }) => `${file}:${line ?? ''}:${column ?? ''} ${problem} → ${fix}`,
  );
}

const good = { 'participant.csv': participants, 'distributor_gsp_group.csv': distributors };

describe('a directory of Market Domain Data', () => {
  it('is read as one edition; empty values are NULL, and other files are left alone', () => {
    expect(read({ ...good, 'README.txt': 'what the sender wrote' })).toEqual({
      set: {
        edition: { version: 42, set: 'full', base: null },
        files: ['distributor_gsp_group.csv', 'participant.csv'],
        rows: new Map([
          [
            'distributor_gsp_group',
            [
              {
                change: 'put',
                items: {
                  prefix: '13',
                  distributor_mpid: 'MANW',
                  gsp_group: '_D',
                  effective_from: '1996-04-01',
                  effective_to: null,
                },
              },
            ],
          ],
          [
            'participant',
            [
              {
                change: 'put',
                items: {
                  mpid: 'SUPA',
                  role: 'X',
                  name: 'Supplier A, plc',
                  effective_from: '2000-01-01',
                  effective_to: null,
                },
              },
              {
                change: 'put',
                items: {
                  mpid: 'SUPB',
                  role: 'X',
                  name: 'Supplier B',
                  effective_from: '2001-01-01',
                  effective_to: '2026-03-31',
                },
              },
            ],
          ],
        ]),
      },
    });
  });

  it('may come in several files of a table, in any order of columns, as a spreadsheet saves them', () => {
    const found = read({
      ...good,
      'participant-maps.csv':
        '\uFEFF#mdd version=42 set=full,,,,\r\nrole,mpid,effective_from,effective_to,name,reference_version\r\nZ,MAPA,2000-01-01,,Maps,42\r\n',
    });
    expect('set' in found && found.set.rows.get('participant')?.map(({ items }) => items['mpid'])).toEqual([
      'MAPA',
      'SUPA',
      'SUPB',
    ]);
  });

  it('of mixed versions is refused, whichever way they are mixed', () => {
    expect(
      problemsOf({
        'distributor_gsp_group.csv': distributors.replace('42', '41'),
        'participant.csv': participants,
        'participant-new.csv': '#mdd version=42 set=increment base=41\nmpid,role,name,effective_from,effective_to\n',
        'participant-rows.csv':
          '#mdd version=41 set=full\nmpid,role,name,effective_from,effective_to,reference_version\nSUPC,X,C,2000-01-01,,42\n',
      }),
    ).toEqual([
      'participant-new.csv:1: is of another edition (version 42, increment on version 41) than distributor_gsp_group.csv (version 41, full set) → load files of one edition together, each edition from a directory of its own',
      'participant-rows.csv:3:reference_version "42" is not the version of the file, which is 41 → put rows of different versions into different directories',
      'participant.csv:1: is of another edition (version 42, full set) than distributor_gsp_group.csv (version 41, full set) → load files of one edition together, each edition from a directory of its own',
    ]);
  });

  it('with many mistakes is told all of them at once, each with file, line, column and fix', () => {
    expect(
      problemsOf({
        'distributor_gsp_group.csv': `#mdd version=42 set=full rows=5
prefix,distributor_mpid,gsp_group,effective_from,effective_to
1,MANW,_D,1996-04-01,
13,MANW,_I,1996-04-01,1995-01-01
14,MIDE,_E,1996-04-01,
14,MANW,_D,2000-04-01,
`,
        'participant.csv': `#mdd version=42 set=full
mpid,role,name,effective_from,effective_to
Supa,X,Supplier A,2000-01-01,
SUPB,,Supplier B,01/04/2001,2026-02-30
SUPC,X,Supplier C
SUPD,X,Supplier D,2000-01-01,
SUPD,X,Supplier D again,2000-01-01,
`,
        'suppliers.csv': participants,
      }),
    ).toMatchInlineSnapshot(`
      [
        "distributor_gsp_group.csv:: has 4 rows, and says that it has 5 → fetch the file again, it may have been cut off; or correct rows=",
        "distributor_gsp_group.csv:3:prefix "1" is not what belongs here → write two digits, with a leading zero",
        "distributor_gsp_group.csv:4:gsp_group "_I" is not what belongs here → write a GSP group such as _A",
        "distributor_gsp_group.csv:4:effective_to ends before it begins → correct one of the two dates; both are inclusive",
        "distributor_gsp_group.csv:6:distributor_mpid has the prefix on days on which line 5 of distributor_gsp_group.csv gives it to another distributor → correct one of the two, or their dates",
        "participant.csv:3:mpid "Supa" is not what belongs here → write four of A–Z and 0–9",
        "participant.csv:4:role is empty → write a role code of 1 to 5 characters",
        "participant.csv:4:effective_from "01/04/2001" is not what belongs here → write a date such as 2026-04-01",
        "participant.csv:4:effective_to "2026-02-30" is not what belongs here → write a date such as 2026-04-01",
        "participant.csv:5: has 3 values for 5 columns → add or remove a comma; a value with a comma stands in quotes",
        "participant.csv:5:effective_from is empty → write a date such as 2026-04-01",
        "participant.csv:7:mpid, role, effective_from is there already, in line 6 of participant.csv → remove one of the two",
        "suppliers.csv:: is the file of no table → name it participant.csv or distributor_gsp_group.csv, or move it elsewhere",
      ]
    `);
  });

  it.each<[first: string, problem: RegExp]>([
    ['mpid,role,name,effective_from,effective_to', /does not say which version it belongs to → begin the file with/],
    ['#mdd set=full', /has no version → add version=N/],
    ['#mdd version=0 set=full', /has no version/],
    ['#mdd version=42', /does not say whether it is a full set → add set=full or set=increment/],
    ['#mdd version=42 set=increment', /is an increment without its base → add base=N/],
    ['#mdd version=42 set=increment base=42', /builds on version 42, which is not before its own/],
    ['#mdd version=42 set=full base=41', /is a full set with a base/],
    ['#mdd version=42 set=full date=today', /"date=today" is not known in the first line/],
  ])('that begins with "%s" is refused', (first, problem) => {
    const text = participants.replace('#mdd version=42 set=full', first);
    expect(problemsOf({ 'participant.csv': text })[0]).toMatch(problem);
  });

  it.each<[what: string, files: Readonly<Record<string, string | Uint8Array>>, problem: RegExp]>([
    ['is empty', {}, /^\.:: there is no CSV file here → put in participant\.csv or distributor_gsp_group\.csv/],
    ['has an empty file', { 'participant.csv': '' }, /does not say which version/],
    ['is a full set of one table', { 'participant.csv': participants }, /would empty the table → add the file/],
    ['is not UTF-8', { ...good, 'participant.csv': Buffer.from([0x23, 0xff]) }, /is not UTF-8 → save it as UTF-8/],
    [
      'has a broken quote',
      { ...good, 'participant.csv': `${participants}"SUPC,X` },
      /participant\.csv:5: is not CSV here/,
    ],
    [
      'was cut off',
      { ...good, 'distributor_gsp_group.csv': distributors.replace('rows=1', 'rows=2') },
      /has 1 rows, and says that it has 2 → fetch the file again/,
    ],
    ['lacks a column', { ...good, 'participant.csv': participants.replace(',name', '') }, /:2:name is missing → add/],
    [
      'takes away in a full set',
      { ...good, 'participant.csv': participants.replace('name', 'name,change') },
      /:2:change is a column of increments only/,
    ],
  ])('that %s is refused', (_, files, problem) => {
    expect(problemsOf(files)[0]).toMatch(problem);
  });

  it('that is an increment may have one table, and takes away by key', () => {
    const found = read({
      'participant.csv':
        '#mdd version=43 set=increment base=42\nchange,mpid,role,name,effective_from,effective_to\nremove,SUPA,X,,2000-01-01,\n,SUPC,X,C,2026-04-01,\n',
    });
    expect('set' in found && found.set.edition).toEqual({ version: 43, set: 'increment', base: 42 });
    expect('set' in found && found.set.rows.get('participant')?.map(({ change }) => change)).toEqual(['remove', 'put']);
  });
});
