import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { LaneEvent } from '../sink/contract.ts';
import { openStore, type TestStore } from './store.fixture.ts';
import { moment, mpanOf, pointEvent, referenceEvents, unit } from './world.fixture.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openStore(inject('stack').meteringUrl);
});

afterAll(() => store.close());

beforeEach(() => store.empty());

/** What a metering point is after its events, thought through one event at a time and without any cleverness. */
class SlowPoint {
  current: { lsn: number; line: string } | null = null;
  readonly history: string[] = [];
  readonly rejections: { lsn: number; status: string; by: number | null }[] = [];
  private last: { line: string; bad: boolean } | null = null;

  take(lsn: number, { event }: LaneEvent): void {
    const bad = event['line_loss_factor_class'] === '??';
    const line = String(event['line_loss_factor_class']);
    if (event.recordType === 'delete') {
      if (this.last === null) return;
      this.good(lsn, null);
      return;
    }
    if (this.last?.line === line && (!this.last.bad || event.recordType === 'read')) return;
    if (bad) {
      this.rejections.push({ lsn, status: 'open', by: null });
      this.last = { line, bad };
    } else this.good(lsn, line);
  }

  private good(lsn: number, line: string | null): void {
    const isSame = this.current?.line === line && line !== null;
    if (!isSame || this.last?.bad === true) {
      if (this.current !== null) this.history.push(`${this.current.line} ${this.current.lsn}>${lsn}`);
      this.current = line === null ? null : { lsn, line };
    }
    for (const rejection of this.rejections) {
      if (rejection.status === 'open') Object.assign(rejection, { status: 'resolved', by: lsn });
    }
    this.last = line === null ? null : { line, bad: false };
  }
}

const step = fc.record({
  which: fc.nat(2),
  line: fc.constantFrom('001', '002', 'G48', '??'),
  recordType: fc.constantFrom('create', 'update', 'update', 'read', 'delete'),
});

test('set-wise apply is what a slow model makes of the same events one by one', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      async (steps, size) => {
        await store.empty();
        const slow = [new SlowPoint(), new SlowPoint(), new SlowPoint()];
        const units = steps.map(({ which, line, recordType }, index) => {
          const event = pointEvent(mpanOf(which), recordType, { lsn: 10 + index }, { line_loss_factor_class: line });
          slow[which]?.take(10 + index, event);
          return unit(10 + index, event);
        });
        const domain = store.domain();
        await store.apply(domain, [unit(1, ...referenceEvents(1))], moment(1));
        for (let from = 0; from < units.length; from += size) {
          await store.apply(domain, units.slice(from, from + size), moment(10 + from + size));
        }
        for (const [which, model] of slow.entries()) {
          const mpan = mpanOf(which);
          const current = await store.rows(
            `SELECT lsn::int, line_loss_factor_class AS line FROM metering.metering_point WHERE mpan_core = '${mpan}'`,
          );
          expect(current).toEqual(model.current === null ? [] : [model.current]);
          const history = await store.rows(
            `SELECT format('%s %s>%s', line_loss_factor_class, lsn, lsn_to) AS version FROM metering.metering_point_history WHERE mpan_core = '${mpan}' ORDER BY lsn`,
          );
          expect(history.map(({ version }) => version)).toEqual(model.history);
          const rejections = await store.rows(
            `SELECT lsn::int, status, resolved_by_lsn::int AS by FROM metering.rejection WHERE mpan_core = '${mpan}' ORDER BY lsn`,
          );
          expect(rejections).toEqual(model.rejections);
        }
      },
    ),
    { numRuns: 30 },
  );
});
