import { figure, type Results, table, valuesOf } from './report.ts';
import { summarise } from './samples.ts';

const points = 30_000_000;
const changesOfADay = 30_000_000;
const gib = 2 ** 30;

/** What a whole country needs, worked out from the measured rates: one process of each side, on cores like these. */
export function growthOnPaper(results: Results): string {
  const median = (id: string): number => summarise(valuesOf(results, id, 'concord'))?.median ?? Number.NaN;
  const load = median('table-to-store');
  const drain = median('drain-1-to-store');
  const bulk = median('drain-100-to-store');
  const cpu = median('cpu-drain-1-to-store');
  const reconcile = median('reconcile');
  const bytes = {
    event: median('bytes-event'),
    current: median('bytes-current'),
    history: median('bytes-history'),
    wal: median('bytes-wal'),
  };
  const rows = Number(results.options['rows']);
  const average = changesOfADay / 86_400;
  return table([
    ['what', 'needs', 'from'],
    ['initial load of 30 million metering points', duration(points / load), `${figure(load)} events/s, table → store`],
    [
      'a day of 30 million changes, evenly',
      `${figure(average)} events/s: ${percent(average / drain)} of the rate`,
      `${figure(drain)} events/s, transactions of 1`,
    ],
    [
      'its CPU in both connector processes',
      `${duration((changesOfADay * cpu) / 1e6)} of one core`,
      `${figure(cpu)} µs an event`,
    ],
    [
      'all of them as a backlog, after a day of standstill',
      duration(changesOfADay / bulk),
      `${figure(bulk)} events/s, transactions of 100`,
    ],
    [
      'WAL that the source keeps meanwhile',
      `${figure((changesOfADay * bytes.wal) / gib)} GiB`,
      `${figure(bytes.wal)} bytes a change`,
    ],
    [
      'topic: the load, and each such day',
      `${figure((points * bytes.event) / gib)} GiB`,
      `${figure(bytes.event)} bytes an event`,
    ],
    [
      'store: current versions',
      `${figure((points * bytes.current) / gib)} GiB`,
      `${figure(bytes.current)} bytes a row with its index`,
    ],
    [
      'store: history of each such day',
      `${figure((changesOfADay * bytes.history) / gib)} GiB`,
      `${figure(bytes.history)} bytes a version`,
    ],
    [
      'reconcile',
      duration((points / rows) * reconcile),
      `${figure(reconcile)} s for ${rows.toLocaleString('en-GB')} rows`,
    ],
  ]);
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'not measured';
  if (seconds < 90) return `${figure(seconds)} s`;
  return seconds < 5_400 ? `${figure(seconds / 60)} minutes` : `${figure(seconds / 3_600)} hours`;
}

function percent(share: number): string {
  return `${figure(share * 100)} %`;
}
