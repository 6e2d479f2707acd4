import { expect, test } from 'vitest';
import type { ItemPair, RowPair } from './both-rows.ts';
import type { TimelineEntry } from './outcome-of.ts';
import { type DiffView, type MeteringPointDiff, screenOf } from './page.ts';

const screen: DiffView = { all: false, eventsMax: null, columns: 80, lines: 40 };

function row(entity: string, key: string, items: Record<string, string | [string, string]>): RowPair {
  const pairs = Object.entries(items).map(([name, value]): ItemPair => {
    const [registration, metering] = typeof value === 'string' ? [value, value] : value;
    return { name, registration, metering, differs: registration !== metering };
  });
  return { entity, key, inRegistration: true, inMetering: true, items: pairs };
}

function event(n: number, outcome: TimelineEntry['outcome'], why: readonly string[] = []): TimelineEntry {
  return {
    position: outcome === 'dead-lettered' ? null : { generation: 1, lsn: 0x1cb1728 + n, ordinal: 0 },
    committedAt: outcome === 'dead-lettered' ? null : `2026-11-24T20:18:${String(n % 60).padStart(2, '0')}.000000Z`,
    topic: 'registration.metering-point',
    partition: 3,
    offset: n,
    entity: 'metering_point',
    key: '1300000000016',
    recordType: outcome === 'dead-lettered' ? 'unreadable' : 'update',
    outcome,
    why,
    changes: { line_loss_factor_class: [String(n), String(n + 1)], opt_out: [true, false] },
  };
}

const found: MeteringPointDiff = {
  mpan: '13*********16',
  verdict: 'differ',
  rows: [
    row('metering_point', '1300000000016', { gsp_group: ['_Z', '_D'], supplier_mpid: 'SUPA', opt_out: 'false' }),
    row('appointment', '7', {
      service_type: 'MSS',
      mpid: 'MSVA',
      metering_service_efd: '2024-04-01',
      metering_service_etd: '',
    }),
    { ...row('appointment', '9', { service_type: 'MSA', mpid: ['MSAA', ''] }), inMetering: false },
  ],
  events: [
    ...Array.from({ length: 60 }, (_, n) => event(n, 'applied')),
    event(60, 'held', ['PARTICIPANT_UNKNOWN']),
    event(61, 'dead-lettered', ['EVENT_UNREADABLE', 'a schema id is missing']),
    event(62, 'rejected', ['GSP_GROUP_UNKNOWN']),
  ],
  eventsSince: null,
  recordsRead: 70,
};

test('a point with many events fits a terminal of 80 × 40, with a line an event and the rules in full', () => {
  const lines = screenOf(found, screen);
  // The command and the next prompt have theirs, too.
  expect(lines.length).toBeLessThanOrEqual(38);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  const text = lines.join('\n');
  expect(text).toContain('≠ metering_point  (2 other items agree)\n');
  expect(text).toMatch(/^ {4}gsp_group +_Z +_D$/m);
  expect(text).not.toContain('supplier_mpid');
  expect(lines).toContain('  appointment 7  MSS MSVA 2024-04-01 –  agrees');
  expect(lines).toContain('≠ appointment 9  MSA MSAA –  only in registration');
  const earlier = Number(/… (\d+) earlier events; --all shows them/.exec(text)?.[1]);
  expect(lines.filter((line) => line.includes('metering-point/3@'))).toHaveLength(63 - earlier);
  expect(text).toMatch(/^! 20:18:00 0\/1CB1764 metering-point\/3@60 held PARTICIPANT_UNKNOWN /m);
  expect(text).toMatch(/^! – +– +metering-point\/3@61 dead-lettered EVENT_UNREADABLE /m);
  expect(text).toMatch(/^! 20:18:02 0\/1CB1766 metering-point\/3@62 rejected GSP_GROUP_UNKNOWN line_loss/m);
  expect(text).toMatch(/^ {2}20:18:59 \S+ metering-point\/3@59 applied {4}line_loss_factor_class 59→.*…$/m);
});

test('a lower screen shows the newest events all the same, and so many as are asked for', () => {
  const events = (view: Partial<DiffView>): number =>
    screenOf(found, { ...screen, ...view }).filter((line) => line.includes('metering-point/3@')).length;
  expect(events({ lines: 10 })).toBe(8);
  expect(events({ eventsMax: 2 })).toBe(2);
  expect(events({ lines: 100 })).toBe(63);
});

test('events of several days have their days', () => {
  const [first, ...others] = found.events;
  const older = { ...(first as TimelineEntry), committedAt: '2026-11-23T01:02:03.000000Z' };
  const text = screenOf({ ...found, events: [older, ...others] }, { ...screen, lines: 100 }).join('\n');
  expect(text).toContain('Events (time committed, UTC)\n  2026-11-23 01:02:03 ');
});
