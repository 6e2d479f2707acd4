import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../test/database.fixture.ts';
import { createRegistrationSchema } from '../schema.ts';
import { loadReference, type LoadAnswer, type LoadOptions } from './load.ts';
import { referencePlaces } from './places.ts';
import { readReferenceSet } from './read-set.ts';

let database: TestDatabase;
let client: pg.Client;
const places = referencePlaces({});

beforeAll(async () => {
  database = await freshDatabase(inject('stack').registrationUrl);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await createRegistrationSchema(client);
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

beforeEach(async () => {
  await client.query(
    'TRUNCATE registration.participant, registration.distributor_gsp_group; DROP TABLE IF EXISTS concord.reference_load',
  );
});

const participantColumns = 'mpid,role,name,effective_from,effective_to';
const distributorFile = (first: string): string =>
  `${first}\nprefix,distributor_mpid,gsp_group,effective_from,effective_to\n13,MANW,_D,1996-04-01,\n`;

function load(files: Readonly<Record<string, string>>, options: Partial<LoadOptions> = {}): Promise<LoadAnswer> {
  const found = readReferenceSet(Object.entries(files).map(([name, text]) => ({ name, bytes: Buffer.from(text) })));
  if ('problems' in found) throw new Error(JSON.stringify(found.problems));
  return loadReference(client, places, found.set, { onlyPlan: false, isForced: false, ...options });
}

function full(version: number, ...rows: readonly string[]): Readonly<Record<string, string>> {
  const first = `#mdd version=${version} set=full`;
  return {
    'participant.csv': `${first}\n${participantColumns}\n${rows.join('\n')}\n`,
    'distributor_gsp_group.csv': distributorFile(first),
  };
}

function increment(version: number, base: number, ...rows: readonly string[]): Readonly<Record<string, string>> {
  return {
    'participant.csv': `#mdd version=${version} set=increment base=${base}\nchange,${participantColumns}\n${rows.join('\n')}\n`,
  };
}

const a = 'SUPA,X,Supplier A,2000-01-01,';
const b = 'SUPB,X,Supplier B,2000-01-01,';

async function participants(): Promise<readonly string[]> {
  const { rows } = await client.query<{ line: string }>(
    `SELECT concat_ws(' ', mpid, name, effective_from, effective_to, 'v' || reference_version) AS line
       FROM registration.participant ORDER BY mpid, effective_from`,
  );
  return rows.map(({ line }) => line);
}

const countsOf = ({ tables }: LoadAnswer): readonly string[] =>
  tables.map(
    ({ table, added, changed, removed, unchanged }) => `${table} +${added} ~${changed} -${removed} =${unchanged}`,
  );

test('a full set makes the tables what it says, and what it does not name is gone', async () => {
  expect(countsOf(await load(full(1, a, b)))).toEqual(['participant +2 ~0 -0 =0', 'distributor_gsp_group +1 ~0 -0 =0']);
  expect(
    countsOf(await load(full(2, a.replace('Supplier A', 'Alpha'), 'SUPC,X,Supplier C,2026-01-01,2026-12-31'))),
  ).toEqual(['participant +1 ~1 -1 =0', 'distributor_gsp_group +0 ~0 -0 =1']);
  expect(await participants()).toEqual(['SUPA Alpha 2000-01-01 v2', 'SUPC Supplier C 2026-01-01 2026-12-31 v2']);
});

test('an increment changes what it names, and leaves the rest and the other tables', async () => {
  await load(full(1, a, b));
  const answer = await load(
    increment(2, 1, 'put,SUPC,X,Supplier C,2026-01-01,', 'remove,SUPB,X,,2000-01-01,', 'remove,NONE,X,,2000-01-01,'),
  );
  expect(countsOf(answer)).toEqual(['participant +1 ~0 -1 =1']);
  expect(await participants()).toEqual(['SUPA Supplier A 2000-01-01 v1', 'SUPC Supplier C 2026-01-01 v2']);
});

test('--plan shows the same and changes nothing', async () => {
  await load(full(1, a));
  const plan = await load(full(2, a.replace('2000-01-01,', '2000-01-01,2026-01-31'), b), { onlyPlan: true });
  expect(countsOf(plan)).toEqual(['participant +1 ~1 -0 =0', 'distributor_gsp_group +0 ~0 -0 =1']);
  expect(plan.tables[0]?.changes.find(({ kind }) => kind === 'change')).toMatchObject({
    before: { effective_to: null },
    after: { effective_to: '2026-01-31' },
  });
  expect(await participants()).toEqual(['SUPA Supplier A 2000-01-01 v1']);
});

test('an older version is refused, the same one is not, and force takes it', async () => {
  await load(full(5, a));
  expect(await load(full(4, b))).toMatchObject({ versionBefore: 5, refusal: { code: 'REFERENCE_OLDER' } });
  expect(await participants()).toEqual(['SUPA Supplier A 2000-01-01 v5']);
  expect((await load(full(5, a))).refusal).toBeNull();
  expect((await load(full(4, b), { isForced: true })).refusal).toBeNull();
  expect(await participants()).toEqual(['SUPB Supplier B 2000-01-01 v4']);
  expect((await load(full(5, a))).versionBefore).toBe(4);
});

test('an increment that does not build on what is there is refused; the next one is known even if it named no participant', async () => {
  expect(await load(increment(2, 1, `put,${a}`))).toMatchObject({ refusal: { code: 'REFERENCE_OUT_OF_TURN' } });
  await load(full(1, a));
  const first = '#mdd version=2 set=increment base=1';
  await load({ 'distributor_gsp_group.csv': distributorFile(first).replace('13,MANW', '14,MIDE') });
  expect(await load(increment(4, 3, `put,${b}`))).toMatchObject({
    versionBefore: 2,
    refusal: { code: 'REFERENCE_OUT_OF_TURN' },
  });
  expect(await load(increment(3, 2, `put,${b}`))).toMatchObject({ versionBefore: 2, refusal: null });
});

test('what the server refuses in the middle leaves everything as it was', async () => {
  await load(full(1, a));
  await client.query('ALTER TABLE registration.distributor_gsp_group ADD CONSTRAINT no_14 CHECK (prefix <> $$14$$)');
  const files = full(2, b);
  const broken = {
    ...files,
    'distributor_gsp_group.csv': files['distributor_gsp_group.csv']?.replace('13,', '14,') ?? '',
  };
  await expect(load(broken)).rejects.toThrow(/no_14/);
  expect(await participants()).toEqual(['SUPA Supplier A 2000-01-01 v1']);
  await client.query('ALTER TABLE registration.distributor_gsp_group DROP CONSTRAINT no_14');
});

test('a full set of some thousand rows is a handful of statements', async () => {
  const rows = Array.from(
    { length: 3_000 },
    (_, n) => `${n.toString(36).toUpperCase().padStart(4, '0')},X,Supplier ${n},2000-01-01,`,
  );
  const before = await statements();
  await load(full(1, ...rows));
  expect((await statements()) - before).toBeLessThan(30);
  expect((await participants()).length).toBe(3_000);
});

test('tables and columns may be called otherwise', async () => {
  await client.query(
    `CREATE SCHEMA IF NOT EXISTS smrs;
     CREATE TABLE smrs.party ("Code" text, role text, since date, until date, PRIMARY KEY ("Code", role, since))`,
  );
  const mapped = referencePlaces({
    participant: {
      schema: 'smrs',
      table: 'party',
      columns: { mpid: 'Code', name: null, effective_from: 'since', effective_to: 'until', reference_version: null },
    },
  });
  const found = readReferenceSet(
    Object.entries(full(7, a)).map(([name, text]) => ({ name, bytes: Buffer.from(text) })),
  );
  if ('problems' in found) throw new Error('not wrong');
  const options = { onlyPlan: false, isForced: false };
  await loadReference(client, mapped, found.set, options);
  expect(await loadReference(client, mapped, found.set, options)).toMatchObject({ versionBefore: 7 });
  const { rows } = await client.query('SELECT "Code", role, since::text, until FROM smrs.party');
  expect(rows).toEqual([{ Code: 'SUPA', role: 'X', since: '2000-01-01', until: null }]);
});

let sent = 0;
async function statements(): Promise<number> {
  if (sent === 0) {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      sent += 1;
      return query(...args);
    }) as typeof client.query;
  }
  return Promise.resolve(sent);
}
