import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type CompiledChild, compileChild, SourceProcess } from './child-process.fixture.ts';
import { replayed, wished } from './parked.fixture.ts';
import { setUpSource } from './setup.ts';
import { currentLsn, openStage, type SourceStage } from './source.fixture.ts';
import { askOfTable } from './table-wish.ts';

const table = 'registration.metering_point';
const keys = 40;
let compiled: CompiledChild;
let stage: SourceStage;
/** Key → the values that were committed, in order. */
const history = new Map<string, string[]>();
let written = 0;

const keyOf = (n: number): string => String(n).padStart(13, '0');

beforeAll(async () => {
  compiled = compileChild();
  stage = await openStage(inject('stack'), { chunkRows: 20, heartbeatIntervalMs: 50 });
  await stage.client.query(
    `INSERT INTO ${table} (mpan_core, gsp_group) SELECT lpad(n::text, 13, '0'), 'initial' FROM generate_series(1, ${keys}) n`,
  );
  await setUpSource({ connectionString: stage.database.url }, stage.settings);
});
afterAll(async () => {
  await stage.close();
  compiled.remove();
});

/** Some keys get a new value, in a transaction. */
async function write(): Promise<void> {
  written += 1;
  const first = 1 + Math.floor(Math.random() * keys);
  const { rows } = await stage.client.query<{ mpan_core: string }>(
    `UPDATE ${table} SET gsp_group = $1 WHERE mpan_core BETWEEN $2 AND $3 RETURNING mpan_core`,
    [`v${written}`, keyOf(first), keyOf(first + 5)],
  );
  for (const { mpan_core: key } of rows) history.set(key, [...(history.get(key) ?? []), `v${written}`]);
}

async function writeUntil(over: Promise<unknown>): Promise<void> {
  const state = { over: false };
  void over.then(() => {
    state.over = true;
  });
  for (let total = 0; !state.over && total < 400; total += 1) await write();
  await over;
}

async function loaded(): Promise<void> {
  const child = new SourceProcess(compiled, stage.addresses);
  await child.until((state) => state.loadComplete);
  await child.kill();
}

/** What happens to a fresh source that is asked for it, in one life after the other. */
test.each([
  ['pause', 'parked-before-commit', 1],
  ['pause', 'parked-after-commit', 1],
  ['pause', 'parked-before-commit', 4],
  ['resume', 'parked-before-commit', 2],
  ['resume', 'parked-after-commit', 3],
  ['resume', 'parked-after-commit', 9],
] as const)('a source that is asked to %s and is killed at %s (pass %i) loses nothing', async (wish, name, times) => {
  if (written === 0) await loaded();
  const child = new SourceProcess(compiled, stage.addresses, { name, times });
  await askOfTable(stage.client, stage.settings.name, table, wish);
  await writeUntil(child.ended());
  expect(await child.ended()).toBe('SIGKILL');
});

test('after all the kills each change is on its topic once, in the order of its key, at positions that never go back', async () => {
  const child = new SourceProcess(compiled, stage.addresses);
  expect(await wished(stage, table, 'resume')).toMatchObject({ state: 'done' });
  await write();
  const lsn = await currentLsn(stage.client);
  await child.until((state) => state.watermark >= lsn);
  await child.kill();

  const { events, wrong } = await replayed(stage, ['metering-point'], 'mpan_core');
  for (let n = 1; n <= keys; n += 1) {
    const told = events.filter(({ key, recordType }) => key === keyOf(n) && recordType === 'update');
    const values = told.map((event) => String(event['gsp_group']));
    const committed = history.get(keyOf(n)) ?? [];
    if (values.join() !== committed.join()) wrong.push(`${n}: ${values.join()} for ${committed.join()}`);
  }
  expect(wrong).toEqual([]);
  const progress = await stage.progress();
  expect(progress?.parkedTables).toEqual([]);
  expect((await stage.records('parked')).flat()).toEqual([]);
  expect(progress?.captured[`${stage.settings.name}.metering-point`]).toBe(events.length);
  // Whatever is told keeps the transaction that made it: what a snapshot sees is decided by that.
  const { rows } = await stage.client.query<{ xid: string }>(
    `SELECT max(xmin::text::bigint)::text AS xid FROM ${table}`,
  );
  expect(Math.max(...events.map(({ source }) => source.xid))).toBe(Number(rows[0]?.xid));
});
