// How fast, and in how much memory, one large transaction goes from the registration database into the metering store.
//
//   npm run bench:transaction -- [--rows 100000] [--data-dir D]      starts a stack of its own, empty, and stops it
//   npm run bench:transaction -- --running FILE [--rows 100000]      uses one that runs
//
// FILE holds {"registrationUrl", "meteringUrl", "pids": {"registration", "metering"}}, as `concord env` and `concord
// status` tell them. Only the command line and SQL are used, and /proc for memory and CPU time, so it needs Linux.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const sampleIntervalMs = 200;
const ticksPerSecond = 100;

const { values: options } = parseArgs({
  options: { rows: { type: 'string', default: '100000' }, 'data-dir': { type: 'string' }, running: { type: 'string' } },
});
const rows = Number(options.rows);

if (options.running === undefined) {
  const own = options['data-dir'] === undefined;
  const dataDir = options['data-dir'] ?? mkdtempSync(path.join(tmpdir(), 'concord-bench-'));
  const concord = (...words) =>
    execFileSync(process.execPath, [path.join(root, 'dist/cli/concord.js'), ...words, '--data-dir', dataDir], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  try {
    concord('up', '--detach', '--sample', '0');
    const { pids } = JSON.parse(concord('status', '--json'));
    await measure({ ...JSON.parse(concord('env', '--json')), pids });
  } finally {
    concord('down');
    if (own) rmSync(dataDir, { recursive: true, force: true });
  }
} else {
  await measure(JSON.parse(readFileSync(options.running, 'utf8')));
}

async function measure({ registrationUrl, meteringUrl, pids }) {
  const registration = new pg.Client(registrationUrl);
  const store = new pg.Client(meteringUrl);
  await Promise.all([registration.connect(), store.connect()]);
  try {
    await prepare(registration, store);
    const { rows: backends } = await store.query(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'concord metering sink'`,
    );
    const watched = {
      registration: [pids.registration],
      metering: [pids.metering],
      store: backends.map(({ pid }) => pid),
    };
    const before = await count(store);
    const first = 1_000_000_000 + before;
    await registration.query('BEGIN');
    await registration.query(
      `INSERT INTO registration.metering_point
       SELECT bench_mpan(n), '_D', 'MANW', 'SUPA', DATE '2024-04-01', 'S', 'DATA', DATE '2024-04-01', 'AI', true,
              'S-D-W-AI', 'W', 'MSVA', DATE '2024-04-01', 1.045, '001', false
       FROM generate_series($1::bigint, $2::bigint) n`,
      [first, first + rows - 1],
    );
    await registration.query('COMMIT');
    const cpuBefore = cpuOf(watched);
    const committedAt = performance.now();
    const peaks = { registration: 0, metering: 0 };
    // Counting takes the store's time: only now and then, the last time being known by the outcomes.
    while ((await applied(store)) < before + rows) {
      for (const name of Object.keys(peaks)) peaks[name] = Math.max(peaks[name], residentMb(pids[name]));
      await new Promise((resolve) => setTimeout(resolve, sampleIntervalMs));
    }
    const seconds = (performance.now() - committedAt) / 1000;
    const cpuAfter = cpuOf(watched);
    const visible = await count(store);
    if (visible !== before + rows) throw new Error(`${visible - before} of ${rows} rows are in the store`);
    const perRow = (name) => `${(((cpuAfter[name] - cpuBefore[name]) / rows) * 1e6).toFixed(1)} µs`;
    console.log(
      `${rows} rows visible ${seconds.toFixed(1)} s after their commit: ${Math.round(rows / seconds)} rows/s`,
    );
    console.log(`peak resident memory: registration ${peaks.registration} MB, metering ${peaks.metering} MB`);
    console.log(
      `CPU per row: registration ${perRow('registration')}, metering ${perRow('metering')}, its store ${perRow('store')}`,
    );
    console.log(
      `load averages of the machine: ${loadavg()
        .map((one) => one.toFixed(1))
        .join(' ')}`,
    );
  } finally {
    await Promise.all([registration.end(), store.end()]);
  }
}

/** Reference data that lets every row be accepted, and a check digit as the trade has it. */
async function prepare(registration, store) {
  await registration.query(
    `CREATE OR REPLACE FUNCTION bench_mpan(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
       SELECT '13' || lpad(n::text, 10, '0') || ((3 + 15 + n / 1000000000 % 10 * 7 + n / 100000000 % 10 * 13
         + n / 10000000 % 10 * 17 + n / 1000000 % 10 * 19 + n / 100000 % 10 * 23 + n / 10000 % 10 * 29
         + n / 1000 % 10 * 31 + n / 100 % 10 * 37 + n / 10 % 10 * 41 + n % 10 * 43) % 11 % 10)::text $$;
     INSERT INTO registration.participant VALUES
       ('MANW', 'R', 'Distributor', '1996-04-01', NULL, 1), ('SUPA', 'X', 'Supplier', '2000-01-01', NULL, 1),
       ('DATA', 'D', 'Data service', '2000-01-01', NULL, 1), ('MSVA', 'M', 'Metering service', '2000-01-01', NULL, 1)
       ON CONFLICT DO NOTHING;
     INSERT INTO registration.distributor_gsp_group VALUES ('13', 'MANW', '_D', '1996-04-01', NULL) ON CONFLICT DO NOTHING`,
  );
  const known = `SELECT (SELECT count(*) FROM metering.participant) > 3 AND (SELECT count(*) FROM metering.distributor_gsp_group) > 0 AS ok`;
  while (!(await store.query(known)).rows[0].ok) await new Promise((resolve) => setTimeout(resolve, sampleIntervalMs));
}

async function count(store) {
  return Number((await store.query('SELECT count(*) FROM metering.metering_point')).rows[0].count);
}

async function applied(store) {
  const { rows: outcomes } = await store.query(
    `SELECT coalesce(sum(count), 0) AS count FROM metering.outcome WHERE topic LIKE '%.metering-point' AND outcome = 'applied'`,
  );
  return Number(outcomes[0].count);
}

function residentMb(pid) {
  const kb = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kb ?? 0) / 1024);
}

/** Seconds of CPU time so far, in user and kernel mode. */
function cpuOf(watched) {
  return Object.fromEntries(
    Object.entries(watched).map(([name, all]) => {
      const ticks = all.map((pid) => {
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
        return Number(fields[11]) + Number(fields[12]);
      });
      return [name, ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond];
    }),
  );
}
