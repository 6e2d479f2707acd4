import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Position, comparePositions } from '../../avro/position.ts';
import { type CompiledChild, compileChild, SourceProcess } from './child-process.fixture.ts';
import { setUpSource } from './setup.ts';
import { currentLsn, openStage, type SourceStage, type TestEvent } from './source.fixture.ts';

const initialRows = 6_000;
const rowsPerLifeMax = 12_000;
let compiled: CompiledChild;
let stage: SourceStage;
/** Key → the values that were committed since the slot was made, in order. */
const history = new Map<string, string[]>();
let written = 0;

beforeAll(async () => {
  compiled = compileChild();
  stage = await openStage(inject('stack'), { transactionEventsMax: 1_000, chunkRows: 500, heartbeatIntervalMs: 100 });
  await stage.client.query(
    `INSERT INTO registration.metering_point (mpan_core, gsp_group) SELECT key(n), 'initial' FROM generate_series(1, ${initialRows}) n`.replace(
      'key(n)',
      "lpad(n::text, 13, '0')",
    ),
  );
  await setUpSource({ connectionString: stage.database.url }, stage.settings);
});
afterAll(async () => {
  await stage.close();
  compiled.remove();
});

const keyOf = (n: number): string => String(n).padStart(13, '0');

/** One transaction that sets so many rows, from a random one on, to a new value. */
async function write(rows: number): Promise<number> {
  written += 1;
  const value = `v${written}`;
  const first = 1 + Math.floor(Math.random() * (initialRows - rows));
  const { rows: changed } = await stage.client.query<{ mpan_core: string }>(
    'UPDATE registration.metering_point SET gsp_group = $1 WHERE mpan_core >= $2 AND mpan_core < $3 RETURNING mpan_core',
    [value, keyOf(first), keyOf(first + rows)],
  );
  for (const { mpan_core: key } of changed) history.set(key, [...(history.get(key) ?? []), value]);
  return changed.length;
}

async function writeUntil(over: Promise<unknown>, rows: () => number): Promise<void> {
  const state = { over: false };
  void over.then(() => {
    state.over = true;
  });
  // Enough to be in the middle of something; heartbeats bring the rest of the passes.
  for (let total = 0; !state.over && total < rowsPerLifeMax; ) total += await write(rows());
  await over;
}

test.each([
  ['chunk-before-commit', 3, 1],
  ['after-commit', 6, 10],
  ['chunk-before-commit', 4, 200],
  ['before-commit', 9, 30],
  ['split-after-commit', 2, 5_500],
  ['before-commit', 3, 5_500],
] as const)('a process that is killed at %s (pass %i) leaves nothing half done', async (name, times, rows) => {
  const child = new SourceProcess(compiled, stage.addresses, { name, times });
  await writeUntil(child.ended(), () => 1 + Math.floor(Math.random() * rows));
  expect(await child.ended()).toBe('SIGKILL');
});

test('after all the kills the topic holds each change once, in the order of each key, at increasing positions', async () => {
  const child = new SourceProcess(compiled, stage.addresses);
  const lsn = await currentLsn(stage.client);
  await child.until((state) => state.loadComplete && state.watermark >= lsn);
  await child.kill();

  const events = await stage.events('metering-point');
  const byKey = new Map<string, TestEvent[]>();
  for (const event of events) {
    const sofar = byKey.get(event.key);
    if (sofar === undefined) byKey.set(event.key, [event]);
    else sofar.push(event);
  }
  const wrong: string[] = [];
  for (let n = 1; n <= initialRows; n += 1) {
    const told = byKey.get(keyOf(n)) ?? [];
    const values = history.get(keyOf(n)) ?? [];
    const updates = told.filter((event) => event.recordType === 'update').map((event) => event['gsp_group']);
    if (updates.join() !== values.join()) wrong.push(`${n}: ${updates.join()} for ${values.join()}`);
    const reads = told.filter((event) => event.recordType === 'read');
    if (reads.length > 1 || told.length === 0) wrong.push(`${n}: ${reads.length} reads`);
    const at = told.findIndex((event) => event.recordType === 'read');
    const before = at > 0 ? told[at - 1]?.['gsp_group'] : 'initial';
    if (at >= 0 && told[at]?.['gsp_group'] !== before)
      wrong.push(`${n}: a read of ${String(told[at]?.['gsp_group'])} after ${String(before)}`);
  }
  const positions = new Map<number, Position>();
  for (const { partition, source } of events) {
    const last = positions.get(partition);
    // Rows of a chunk share the position of its mark.
    if (last !== undefined && comparePositions(source, last) < 0)
      wrong.push(`position ${source.lsn} after ${last.lsn}`);
    positions.set(partition, source);
  }
  expect(wrong).toEqual([]);
  const progress = await stage.progress();
  expect(progress?.captured[`${stage.settings.name}.metering-point`]).toBe(events.length);
});
