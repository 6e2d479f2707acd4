import { expect, it } from 'vitest';
import { counterFrom, createMetrics, gaugeFrom } from './metrics.ts';

it('values are read when they are asked for, and what is gone is gone', async () => {
  const metrics = createMetrics('metering');
  let lanes: [Record<string, string>, number][] = [
    [{ lane: '0' }, 3],
    [{ lane: '1' }, 0],
  ];
  gaugeFrom(metrics, 'lag', 'How far.', ['lane'], () => lanes);
  counterFrom(metrics, 'events_total', 'How many.', ['lane'], () => Promise.resolve(lanes));
  expect(await metrics.metrics()).toContain('lag{lane="0",side="metering"} 3\nlag{lane="1",side="metering"} 0\n');
  lanes = [[{ lane: '1' }, 7]];
  const page = await metrics.metrics();
  expect(page).toContain('events_total{lane="1",side="metering"} 7\n');
  expect(page).not.toContain('lane="0"');
  expect(await metrics.metrics()).toBe(page);
});
