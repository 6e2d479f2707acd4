import { expect, test } from 'vitest';
import { Fault } from '../../runtime/fault.ts';
import { OneTrip } from '../../runtime/one-trip.ts';
import { benchOf, settings, TopicsInMemory } from './sink.fixture.ts';
import { sinkStage } from './sink-stage.fixture.ts';

const stage = sinkStage();
const { start, rows, position, outcomes, applied } = stage;
const a = (partition: number, key: string) => ({ topic: 'test.a', partition, key });

test('a batch whose domain fails leaves nothing behind, and is applied whole by the next run', async () => {
  const failing = start(
    benchOf(stage.topics, stage.pool, (domain) => {
      domain.beforeApply = async (client) => {
        await client.query("INSERT INTO applied_row (lane, key) VALUES (9, 'half')");
        await client.query('SELECT pg_terminate_backend(pg_backend_pid())');
      };
    }),
  );
  stage.topics.commit([a(0, 'x')]);
  expect(await failing.ended).toMatchObject({ kind: 'unavailable' });
  expect(await rows()).toEqual([]);
  start(benchOf(stage.topics, stage.pool));
  expect(await applied(1)).toEqual(['x']);
});

test('what fails on its way to the commit undoes the batch with its position, and says why in its own words', async () => {
  const why = new Fault('unavailable', 'STORE_CHANGED_BESIDE', 'a row was written by somebody else');
  const failing = start(
    benchOf(stage.topics, stage.pool, (domain) => {
      domain.afterApply = (client) => {
        void OneTrip.on(client).call({ name: 'no_number', text: `SELECT 'none'::text::int` }, [], () => why);
      };
    }),
  );
  stage.topics.commit([a(0, 'x')]);
  expect(await failing.ended).toBe(why);
  expect([await rows(), await position(0), await outcomes()]).toEqual([[], 0, {}]);
  start(benchOf(stage.topics, stage.pool));
  expect(await applied(1)).toEqual(['x']);
});

test('of the lanes where a full batch waits two are at work at once, and all come to their turn', async () => {
  const partitions = 5;
  stage.topics = new TopicsInMemory(partitions);
  let now = 0;
  let most = 0;
  let haveTwo = (): void => {};
  const two = new Promise<void>((resolve) => {
    haveTwo = resolve;
  });
  const bench = benchOf(stage.topics, stage.pool, (domain) => {
    domain.beforeApply = async (client) => {
      now += 1;
      most = Math.max(most, now);
      if (now === 2) haveTwo();
      await two;
      await client.query('SELECT');
      now -= 1;
    };
  });
  for (let lane = 0; lane < partitions; lane += 1) {
    for (let unit = 0; unit < 4; unit += 1) {
      const keys = Array.from({ length: 3 }, (_, index) => a(lane, `${lane} ${unit} ${index}`));
      stage.topics.commit(keys);
    }
  }
  start(bench, { partitions, limits: { ...settings.limits, batchEventsMax: 2 } });
  await applied(partitions * 4 * 3);
  expect(most).toBe(2);
  expect(await outcomes()).toEqual({ 'test.a applied': partitions * 4 * 3 });
});
