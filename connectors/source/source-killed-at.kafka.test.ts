import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type CompiledChild, compileChild, SourceProcess } from './child-process.fixture.ts';
import type { SourceFailpoint } from './publishing.ts';
import { differencesOf } from './replayed.fixture.ts';
import { setUpSource } from './setup.ts';
import { currentLsn, openStage, type SourceStage } from './source.fixture.ts';

let compiled: CompiledChild;
beforeAll(() => {
  compiled = compileChild();
});
afterAll(() => compiled.remove());

type Act = (stage: SourceStage) => Promise<void>;

const copy: Act = async ({ client }) => {
  const stream = client.query(copyFrom('COPY registration.metering_point (mpan_core, gsp_group) FROM STDIN'));
  for (let n = 0; n < 3_000; n += 1) stream.write(`copied-${n}\t_C\n`);
  stream.end();
  await once(stream, 'finish');
};

const messagesBetweenRows: Act = async ({ client }) => {
  await client.query(`DO $$ BEGIN FOR n IN 1..1500 LOOP
    PERFORM pg_logical_emit_message(true, 'anybody', 'before ' || n);
    INSERT INTO registration.metering_point (mpan_core, gsp_group) VALUES ('told-' || n, '_M');
    PERFORM pg_logical_emit_message(false, 'anybody', 'beside ' || n);
  END LOOP; END $$`);
};

const updatesAndDeletes: Act = async ({ client }) => {
  for (let n = 1; n <= 60; n += 1) {
    await client.query(`UPDATE registration.metering_point SET gsp_group = $1 WHERE mpan_core BETWEEN $2 AND $3`, [
      `v${n}`,
      String(n * 10).padStart(13, '0'),
      String(n * 10 + 30).padStart(13, '0'),
    ]);
    await client.query('DELETE FROM registration.metering_point WHERE mpan_core = $1', [
      String(n * 7).padStart(13, '0'),
    ]);
  }
};

/** Where the process dies, at which pass of that point, and in the middle of what. */
test.each<[string, SourceFailpoint, number, 'load' | 'stream', Act, number]>([
  ['in the middle of a chunk', 'chunk-before-commit', 4, 'load', updatesAndDeletes, 0],
  ['at the hand-over from the load, before it is said', 'hand-over-before-commit', 1, 'load', updatesAndDeletes, 0],
  ['at the hand-over from the load, after it was said', 'hand-over-after-commit', 1, 'load', updatesAndDeletes, 0],
  ['in the middle of a COPY', 'split-after-commit', 3, 'stream', copy, 3_000],
  ['in the middle of a COPY, with a part not committed', 'before-commit', 12, 'stream', copy, 3_000],
  ['between a logical message and a row', 'split-after-commit', 2, 'stream', messagesBetweenRows, 1_500],
  ['between produce and commit', 'before-commit', 14, 'stream', updatesAndDeletes, 0],
  ['after the commit, before the slot is confirmed', 'after-commit', 14, 'stream', updatesAndDeletes, 0],
])(
  'killed %s (%s, pass %i) it leaves each event once, and the topic is the table',
  async (_where, name, times, when, act, created) => {
    const stage = await openStage(inject('stack'), {
      transactionEventsMax: 500,
      chunkRows: 100,
      heartbeatIntervalMs: 100,
    });
    try {
      await stage.client.query(`INSERT INTO registration.metering_point (mpan_core, gsp_group)
      SELECT lpad(n::text, 13, '0'), '_A' FROM generate_series(1, 1000) n`);
      await setUpSource({ connectionString: stage.database.url }, stage.settings);
      if (when === 'stream') {
        const loading = new SourceProcess(compiled, stage.addresses);
        await loading.until((state) => state.loadComplete);
        await loading.kill();
      }
      const child = new SourceProcess(compiled, stage.addresses, { name, times });
      await act(stage);
      expect(await child.ended()).toBe('SIGKILL');

      const successor = new SourceProcess(compiled, stage.addresses);
      const lsn = await currentLsn(stage.client);
      await successor.until((state) => state.loadComplete && state.watermark >= lsn);
      await successor.kill();
      expect(await differencesOf(stage)).toEqual([]);
      const events = await stage.events('metering-point');
      const creates = events.filter((event) => event.recordType === 'create');
      expect(creates.length).toBe(created);
      expect(new Set(creates.map((event) => event.key)).size).toBe(created);
      expect(new Set(creates.map((event) => event.source.lsn)).size).toBe(created === 0 ? 0 : 1);
      if (act === messagesBetweenRows) {
        // Each row stands behind its transactional message, which is counted; the other kind is not in the transaction.
        expect(creates.map((event) => event.source.ordinal).toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: created }, (_, index) => 2 * (index + 1)),
        );
      }
      // What a chunk has read is not read again after it was finished.
      const reads = events.filter((event) => event.recordType === 'read').map((event) => event.key);
      expect(new Set(reads).size).toBe(reads.length);
      expect((await stage.progress())?.captured[`${stage.settings.name}.metering-point`]).toBe(events.length);
    } finally {
      await stage.close();
    }
  },
);
