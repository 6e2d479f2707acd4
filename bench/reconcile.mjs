// How long a reconcile takes beside the two bare digest queries, one on each side; and one since the last, after few changes.
//
//   npm run bench:reconcile -- [--rows 1000000] [--runs 5] [--changes 100] [--data-dir D]   a stack of its own
//   npm run bench:reconcile -- --running D [--runs 5]                       uses what runs in D, with the rows it has
//
// Both digests are what one writes by hand: every item of metering_point hashed as a record, and added up. A round is both
// of them, one after the other, one reconcile over everything, some changes, and one `--since` that; what counts is the median
// of the rounds' ratios, so that a machine that is busy now and then slows both.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { concordIn, insertPoints, vacuum } from './reconcile-rig.mjs';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '5' },
    changes: { type: 'string', default: '100' },
    'data-dir': { type: 'string' },
    running: { type: 'string' },
  },
});

const dataDir = options.running ?? options['data-dir'] ?? mkdtempSync(path.join(tmpdir(), 'concord-bench-'));
const isOwn = options.running === undefined;
const concord = concordIn(dataDir);

try {
  if (isOwn) concord('up', '--detach', '--sample', '100');
  const { registrationUrl, meteringUrl } = JSON.parse(concord('env', '--json'));
  const registration = new pg.Client(registrationUrl);
  const metering = new pg.Client(meteringUrl);
  await Promise.all([registration.connect(), metering.connect()]);
  if (isOwn) await fill(registration, metering, Number(options.rows));
  await measure(registration, metering, Number(options.runs));
  await Promise.all([registration.end(), metering.end()]);
} finally {
  if (isOwn) {
    concord('down');
    if (options['data-dir'] === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}

async function fill(registration, metering, rows) {
  await insertPoints(registration, metering, rows);
  concord('reconcile', '--json', '--patience', '600');
  await vacuum(registration, metering);
}

async function measure(registration, metering, runs) {
  const { rows: items } = await registration.query(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'registration.metering_point'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );
  const digest = (table) =>
    `SELECT count(*)::int AS rows, sum(hash_record_extended(row(${items.map(({ name }) => name).join(', ')}), 0)) FROM ${table}`;
  const rounds = [];
  for (let run = 0; run <= runs; run += 1) {
    const source = await timed(() => registration.query(digest('registration.metering_point')));
    const store = await timed(() => metering.query(digest('metering.metering_point')));
    const whole = await timed(() => JSON.parse(concord('reconcile', '--json')));
    await change(registration, run, Number(options.changes));
    const since = await timed(() => JSON.parse(concord('reconcile', '--since', '--json')));
    const bare = source.seconds + store.seconds;
    const round = {
      rows: source.value.rows[0].rows,
      bare,
      reconcile: whole.value.seconds,
      command: whole.seconds,
      since: since.value.seconds,
      looked: since.value.since?.looked ?? Number.NaN,
      ratio: whole.value.seconds / bare,
      sinceRatio: since.value.seconds / whole.value.seconds,
    };
    // The first warms the caches.
    if (run > 0) rounds.push(round);
    if (run > 0) process.stdout.write(`${tell(round)}\n`);
  }
  const median = Object.fromEntries(
    Object.keys(rounds[0]).map((name) => [name, middle(rounds.map((one) => one[name]))]),
  );
  process.stdout.write(`median: ${tell(median)}\n`);
}

/** `count` rows all over the table, others in each round. */
async function change(registration, round, count) {
  await registration.query(
    `UPDATE registration.metering_point SET opt_out = NOT opt_out WHERE mpan_core IN (
       SELECT mpan_core FROM registration.metering_point ORDER BY hashtextextended(mpan_core, $1) LIMIT $2)`,
    [round, count],
  );
}

function tell({ rows, bare, reconcile, command, since, looked, ratio, sinceRatio }) {
  const s = (value) => `${value.toFixed(2)} s`;
  return `${rows.toLocaleString('en-GB')} rows: two bare digests ${s(bare)}, reconcile ${s(reconcile)} (the whole command ${s(command)}), ratio ${ratio.toFixed(2)}; --since ${s(since)}, ${sinceRatio.toFixed(2)} of it, ${looked} rows looked at`;
}

async function timed(act) {
  const begin = performance.now();
  const value = await act();
  return { value, seconds: (performance.now() - begin) / 1000 };
}

function middle(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
