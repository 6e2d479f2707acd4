// One wrong value in one row of ten million: reconcile names exactly that row and that column.
//
//   npm run test:deep -- [--rows 10000000] [--data-dir D]   starts a stack of its own, loads it, and takes it away again
//   npm run test:deep -- --running D                        uses what runs in D, with the rows it has
//
// The rows go through the whole pipe, so this takes its time: about fifteen minutes for all ten million on two cores. It
// ends with 1 when reconcile says anything but what was done.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { concordIn, insertPoints, vacuum, watched } from './reconcile-rig.mjs';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    'data-dir': { type: 'string' },
    running: { type: 'string' },
  },
});

const dataDir = options.running ?? options['data-dir'] ?? mkdtempSync(path.join(tmpdir(), 'concord-deep-'));
const isOwn = options.running === undefined;
const concord = concordIn(dataDir);
const tell = (line) => process.stdout.write(`${line}\n`);
const number = (value) => value.toLocaleString('en-GB');

try {
  if (isOwn) concord('up', '--detach', '--sample', '100');
  const { registrationUrl, meteringUrl } = JSON.parse(concord('env', '--json'));
  const registration = new pg.Client(registrationUrl);
  const metering = new pg.Client(meteringUrl);
  await Promise.all([registration.connect(), metering.connect()]);
  if (isOwn) await load(registration, metering, Number(options.rows));
  await prove(metering);
  await Promise.all([registration.end(), metering.end()]);
} finally {
  if (isOwn) {
    concord('down');
    if (options['data-dir'] === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}

async function load(registration, metering, rows) {
  const begin = performance.now();
  const inStore = async () => {
    const { rows: found } = await metering.query(
      `SELECT n_tup_ins::float8 AS rows FROM pg_stat_user_tables WHERE schemaname = 'metering' AND relname = 'metering_point'`,
    );
    return found[0].rows;
  };
  const progress = async (inSource) =>
    tell(
      `${((performance.now() - begin) / 1000).toFixed(0)} s: ${number(inSource)} in registration, ${number(await inStore())} in metering`,
    );
  await insertPoints(registration, metering, rows, async (inserted) => {
    if (inserted % 500_000 === 0) await progress(inserted);
  });
  while ((await inStore()) < rows) {
    await progress(rows);
    await setTimeout(10_000);
  }
  await vacuum(registration, metering);
  tell(`loaded through the pipe in ${((performance.now() - begin) / 1000).toFixed(0)} s`);
}

async function prove(metering) {
  const quiet = await reconcile('nothing is wrong');
  expect('both sides agree', quiet.status === 0 && quiet.report.verdict === 'agree' && quiet.report.closes);

  const { rows } = await metering.query(
    'SELECT mpan_core, line_loss_factor AS was FROM metering.metering_point TABLESAMPLE SYSTEM (0.1) REPEATABLE (7) LIMIT 1',
  );
  const [{ mpan_core: core, was }] = rows;
  await setFactor(metering, core, '9.999999');
  for (const words of [[], ['--since']]) {
    const { status, report } = await reconcile(`one value is wrong${words.length > 0 ? ', --since' : ''}`, ...words);
    const [difference, ...more] = report.differences.filter(({ rules }) => rules.length === 0);
    expect('it has found something', status === 3 && report.verdict === 'differ' && report.closes);
    expect('it is one row', more.length === 0 && report.tables.reduce((sum, one) => sum + one.unexplained, 0) === 1);
    expect('it is that row', difference?.table === 'metering_point' && difference.key === core);
    expect(
      'it is that column',
      difference.cause === 'changed-in-store' && String(difference.items) === 'line_loss_factor',
    );
    const { registration: there, metering: here } = difference.values.line_loss_factor;
    expect('with both its values', Number(there) === Number(was) && here === '9.999999');
    tell(`  ${core.slice(0, 2)}*********${core.slice(-2)}  ${difference.cause}  line_loss_factor: ${there} → ${here}`);
  }
  await setFactor(metering, core, was);
  const mended = await reconcile('the value is right again');
  expect('both sides agree', mended.status === 0 && mended.report.verdict === 'agree' && mended.report.closes);
}

async function setFactor(metering, core, factor) {
  await metering.query('UPDATE metering.metering_point SET line_loss_factor = $2 WHERE mpan_core = $1', [core, factor]);
}

async function reconcile(what, ...words) {
  const { status, stdout, megabytes, seconds } = await watched(dataDir, [
    'reconcile',
    '--json',
    '--reveal',
    '--patience',
    '600',
    ...words,
  ]);
  const report = JSON.parse(stdout);
  const rows = report.tables.reduce((sum, one) => sum + one.sourceRows, 0);
  tell(
    `${what}: ${report.verdict}, ${number(rows)} rows compared in ${report.seconds.toFixed(1)} s (the whole command ${seconds.toFixed(1)} s, at most ${megabytes} MB)`,
  );
  return { status, report };
}

function expect(what, holds) {
  if (!holds) throw new Error(`It does not hold that ${what}.`);
}
