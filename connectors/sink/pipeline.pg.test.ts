import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { eventOf, progressOf } from './lane-merge.fixture.ts';
import { benchOf, referenceTopic, type RowDomain, type Bench, settings, TopicsInMemory } from './sink.fixture.ts';
import { sinkStage } from './sink-stage.fixture.ts';
import { openStoreProxy } from './store-proxy.fixture.ts';

const stage = sinkStage();
const { start, until, rows, position, outcomes, applied } = stage;
const a = (partition: number, key: string) => ({ topic: 'test.a', partition, key });
const b = (partition: number, key: string) => ({ topic: 'test.b', partition, key });

describe('the sink', () => {
  test('applies each source transaction of a lane as one unit, and the idle lane says how far it is', async () => {
    const bench = benchOf(stage.topics, stage.pool);
    start(bench);
    stage.topics.commit([a(0, 'x1'), b(0, 'x2')]);
    const lsn = stage.topics.commit([b(0, 'y')]);
    expect(await applied(3)).toEqual(['x1', 'x2', 'y']);
    expect(bench.domains.get(0)?.units).toEqual([['x1', 'x2'], ['y']]);
    await until(
      () => position(0),
      (at) => at === lsn,
    );
    await until(
      () => position(1),
      (at) => at === lsn,
    );
    expect(await outcomes()).toEqual({ 'test.a applied': 1, 'test.b applied': 2 });
  });

  test('a transaction is not applied before the source has said that it is complete', async () => {
    const bench = benchOf(stage.topics, stage.pool);
    start(bench);
    const lsn = stage.topics.commit([a(0, 'x1')], { complete: false });
    stage.topics.commit([a(1, 'other')], { complete: false, lsn });
    await until(
      () => position(0),
      (at) => at === lsn - 1,
    );
    expect(await rows()).toEqual([]);
    stage.topics.append('test.b', 0, 'x2', eventOf({ lsn, ordinal: 3 }));
    stage.topics.progress(progressOf({ lsn }, { 'test.a/0': 1, 'test.a/1': 1, 'test.b/0': 1 }));
    expect(await applied(3)).toEqual(['other', 'x1', 'x2']);
    expect(bench.domains.get(0)?.units).toEqual([['x1', 'x2']]);
  });

  test('what was applied is not applied again after a stop, and reading goes on where it ended', async () => {
    const first = start(benchOf(stage.topics, stage.pool));
    stage.topics.commit([a(0, 'x'), a(1, 'y')]);
    await applied(2);
    await first.stop();
    expect(await first.ended).toBeNull();
    stage.topics.commit([a(0, 'z')]);
    start(benchOf(stage.topics, stage.pool));
    expect(await applied(3)).toEqual(['x', 'y', 'z']);
    expect(await outcomes()).toEqual({ 'test.a applied': 3 });
  });

  test.each(['before', 'after'] as const)(
    'a batch whose connection is cut %s the server commits is there exactly once after the next start',
    async (when) => {
      const proxy = await openStoreProxy(stage.database.url);
      const fragile = new pg.Pool({ connectionString: proxy.url, max: 10 });
      fragile.on('error', () => {});
      const cut = start(benchOf(stage.topics, fragile));
      stage.topics.commit([a(0, 'x')]);
      await applied(1);
      proxy.cutNextCommit(when);
      stage.topics.commit([a(0, 'y'), b(0, 'z')]);
      expect(await cut.ended).toMatchObject({ kind: 'unavailable' });
      if (when === 'before') expect(await rows()).toEqual(['x']);
      start(benchOf(stage.topics, stage.pool));
      stage.topics.commit([a(0, 'zz')]);
      expect(await applied(4)).toEqual(['x', 'y', 'z', 'zz']);
      expect(await outcomes()).toEqual({ 'test.a applied': 3, 'test.b applied': 1 });
      await fragile.end();
      await proxy.close();
    },
  );

  test('a zombie that wakes up after another instance took its lane writes nothing', async () => {
    const bench = benchOf(stage.topics, stage.pool);
    const zombie = start(bench);
    stage.topics.commit([a(0, 'x')]);
    await applied(1);
    // Another instance, which the zombie does not know of, moves the lane.
    await stage.pool.query('UPDATE metering.applied_position SET lsn = lsn + 5 WHERE lane = 0');
    stage.topics.commit([a(0, 'y')]);
    expect(await zombie.ended).toMatchObject({ kind: 'fenced', code: 'LANE_TAKEN_OVER' });
    expect(await rows()).toEqual(['x']);
  });

  test.each([
    { name: 'kept in memory', spoolBytesMax: 10_000_000 },
    { name: 'spilled to the store', spoolBytesMax: 100_000 },
  ])('a transaction larger than the buffer is $name and applied as one', async ({ spoolBytesMax }) => {
    const bench = benchOf(stage.topics, stage.pool);
    const limits = {
      ...settings.limits,
      batchEventsMax: 100,
      laneBufferBytesMax: 20_000,
      unitEventsMax: 300,
      sliceEventsMax: 300,
    };
    start(bench, { limits: { ...limits, spoolBytesMax } });
    const large = Array.from({ length: 2_000 }, (_, index) => (index % 2 === 0 ? a : b)(0, `k${index}`));
    stage.topics.commit([a(0, 'before')]);
    stage.topics.commit(large);
    stage.topics.commit([a(0, 'after')]);
    await applied(2_002);
    const slices = bench.domains.get(0)?.slices ?? [];
    expect(slices.length).toBeGreaterThan(4);
    expect(new Set(slices.flatMap((slice) => slice.map(({ key }) => key))).size).toBe(2_000);
    expect(await outcomes()).toEqual({ 'test.a applied': 1_002, 'test.b applied': 1_000 });
  });

  test('an instance that dies while it gathers leaves nothing, and the next one gathers from the start', async () => {
    const limits = { ...settings.limits, batchEventsMax: 100, laneBufferBytesMax: 20_000, spoolBytesMax: 10_000 };
    const first = benchOf(stage.topics, stage.pool);
    const dying = start(first, { limits });
    const half = Array.from({ length: 1_000 }, (_, index) => a(0, `k${index}`));
    const lsn = stage.topics.commit(half, { complete: false });
    await until(
      () => Promise.resolve(first.report.lanes.get(0)),
      (lane) => lane?.state === 'staging' && lane.lagEvents === 0 && lane.bufferedBytes === 0,
    );
    await dying.stop();
    expect(await rows()).toEqual([]);
    start(benchOf(stage.topics, stage.pool), { limits });
    stage.topics.progress(progressOf({ lsn }, { 'test.a/0': 1_000 }));
    await applied(1_000);
    expect(await outcomes()).toEqual({ 'test.a applied': 1_000 });
  });

  test('a record that can not be read becomes a dead letter once, and its partition goes on', async () => {
    const bench = benchOf(stage.topics, stage.pool);
    const first = start(bench);
    stage.topics.append('test.a', 0, 'bad', Buffer.from('no event of 1300000000007'));
    stage.topics.commit([a(0, 'good')]);
    await applied(1);
    await first.stop();
    expect(bench.letters).toMatchObject([{ topic: 'test.a', partition: 0, offset: 0, code: 'EVENT_UNREADABLE' }]);
    const { rows: letters } = await stage.pool.query<{ reason: string }>(
      'SELECT reason, key, value FROM metering.dead_letter',
    );
    expect(letters).toHaveLength(1);
    expect(letters[0]?.reason).not.toContain('1300000000007');
    expect(await outcomes()).toEqual({ 'test.a applied': 1, 'test.a dead-lettered': 1 });
    start(benchOf(stage.topics, stage.pool));
    stage.topics.commit([a(0, 'next')]);
    await applied(2);
    expect(await outcomes()).toEqual({ 'test.a applied': 2, 'test.a dead-lettered': 1 });
  });

  test('reference events come to every lane at their position, are counted once, and prime the next start', async () => {
    const bench = benchOf(stage.topics, stage.pool);
    const first = start(bench);
    stage.topics.commit([a(0, 'x'), { topic: referenceTopic, partition: 0, key: 'r' }, a(1, 'y')]);
    await applied(3);
    await until(
      () => position(1),
      (at) => at === 10,
    );
    expect(bench.domains.get(0)?.units).toEqual([['x', 'r']]);
    expect(bench.domains.get(1)?.units).toEqual([['r', 'y']]);
    expect(await outcomes()).toEqual({ 'test.a applied': 2, [`${referenceTopic} applied`]: 1 });
    await first.stop();
    const second = benchOf(stage.topics, stage.pool);
    start(second);
    stage.topics.commit([a(1, 'z')]);
    await applied(4);
    expect(second.domains.get(0)?.primed).toEqual(['r']);
    expect(second.domains.get(1)?.primed).toEqual(['r']);
    expect(second.domains.get(1)?.units).toEqual([['z']]);
  });

  test('a reference record that can not be read is a dead letter of one lane, and not again after a stop', async () => {
    const bench = benchOf(stage.topics, stage.pool);
    const first = start(bench);
    stage.topics.append(referenceTopic, 0, 'bad', Buffer.from('no event'));
    const lsn = stage.topics.commit([a(0, 'x'), a(1, 'y')]);
    for (const lane of [0, 1])
      await until(
        () => position(lane),
        (at) => at === lsn,
      );
    await first.stop();
    const second = benchOf(stage.topics, stage.pool);
    start(second);
    stage.topics.commit([a(0, 'z'), a(1, 'zz')]);
    await applied(4);
    expect([...bench.letters, ...second.letters]).toMatchObject([{ topic: referenceTopic, offset: 0 }]);
    expect(await outcomes()).toEqual({ 'test.a applied': 4, [`${referenceTopic} dead-lettered`]: 1 });
  });

  test('a domain is called at its deadline although no event comes', async () => {
    const bench: Bench = benchOf(stage.topics, stage.pool, (domain: RowDomain, lane) => {
      if (lane === 0) domain.due = 30_000;
    });
    start(bench, { limits: { ...settings.limits, idleIntervalMs: 60_000 } });
    stage.topics.commit([]);
    stage.topics.commit([]);
    stage.topics.commit([]);
    await until(
      () => Promise.resolve(bench.domains.get(0)?.moments ?? []),
      (moments) => moments.some(({ sourceTime }) => sourceTime === 30_000),
    );
    expect(bench.domains.get(0)?.due).toBeNull();
  });

  const receiptOf = async (lane: number): Promise<{ through: number; counts: unknown } | undefined> => {
    const { rows: found } = await stage.pool.query<{ through: number; counts: unknown }>(
      'SELECT through_lsn::float8 AS through, counts FROM metering.receipt WHERE lane = $1',
      [lane],
    );
    return found[0];
  };

  test('a receipt says at once what got an outcome, and within a gap what came since, and counts from the first day', async () => {
    const { receiptGapMs } = settings.limits;
    expect(receiptGapMs).toBeLessThanOrEqual(200);
    start(benchOf(stage.topics, stage.pool));
    const first = stage.topics.commit([a(0, 'x')]);
    expect(
      await until(
        () => receiptOf(0),
        (row) => row !== undefined,
      ),
    ).toEqual({ through: first, counts: { applied: 1 } });
    const lsn = stage.topics.commit([a(0, 'y')]);
    // Nothing comes after it.
    const receipt = await until(
      () => receiptOf(0),
      (row) => row?.through === lsn,
    );
    expect(receipt?.counts).toEqual({ applied: 2 });
  });

  test('a busy lane signs once for all that comes within a gap', async () => {
    start(benchOf(stage.topics, stage.pool), { limits: { ...settings.limits, receiptGapMs: 60_000 } });
    const first = stage.topics.commit([a(0, 'x')]);
    await until(
      () => receiptOf(0),
      (row) => row !== undefined,
    );
    const lsn = stage.topics.commit([a(0, 'y')]);
    await until(
      () => position(0),
      (at) => at === lsn,
    );
    expect(await receiptOf(0)).toEqual({ through: first, counts: { applied: 1 } });
  });

  test('receipts of receipts are not signed at once', async () => {
    start(benchOf(stage.topics, stage.pool), { receiptTopics: ['test.b'] });
    stage.topics.commit([]);
    await until(
      async () => (await stage.pool.query('SELECT FROM metering.receipt')).rowCount,
      (count) => count === 2,
    );
    const lsn = stage.topics.commit([b(0, 'x')]);
    await until(
      () => position(0),
      (at) => at === lsn,
    );
    const { rows: receipts } = await stage.pool.query<{ through_lsn: string }>(
      'SELECT through_lsn FROM metering.receipt',
    );
    expect(receipts.map(({ through_lsn }) => Number(through_lsn))).toEqual([10, 10]);
  });

  test('a store that is ahead of the progress topic stops the leg', async () => {
    const first = start(benchOf(stage.topics, stage.pool));
    stage.topics.commit([a(0, 'x')]);
    stage.topics.commit([a(0, 'y')]);
    await applied(2);
    await first.stop();
    const other = new TopicsInMemory();
    other.commit([a(0, 'x')]);
    const second = start(benchOf(other, stage.pool), { limits: { ...settings.limits, patienceMs: 50 } });
    expect(await second.ended).toMatchObject({ kind: 'gap', code: 'PROGRESS_BEHIND_STORE' });
  });
});
