// A stack of its own for the measurements of reconcile, filled with metering points.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const program = path.join(root, 'dist/cli/concord.js');
const rowsAtOnce = 50_000;

/** Runs the command line on the stack in a data directory, and answers with what it prints. */
export function concordIn(dataDir) {
  return (...words) => {
    try {
      return execFileSync(process.execPath, [program, ...words, '--data-dir', dataDir], {
        encoding: 'utf8',
        maxBuffer: 64 * 1024 * 1024,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    } catch (error) {
      // Differences are something to act on, and as much work.
      if (error.status === 3) return error.stdout;
      throw new Error(`concord ${words.join(' ')} ended with ${error.status}`);
    }
  };
}

/** The same, with the highest resident memory of the process in MB. */
export async function watched(dataDir, words) {
  const begin = performance.now();
  const child = spawn(process.execPath, [program, ...words, '--data-dir', dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peak = 0;
  // The kernel keeps the highest value itself: what is lost is the time after the last look.
  const timer = setInterval(() => {
    try {
      peak =
        Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? peak * 1024) / 1024;
    } catch {
      // Not Linux, or it has ended.
    }
  }, 100);
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearInterval(timer);
  return {
    status,
    stdout: Buffer.concat(chunks).toString('utf8'),
    megabytes: Math.round(peak),
    seconds: (performance.now() - begin) / 1000,
  };
}

/**
 * Metering points 1 to `rows`, copies of a good one under MPANs with a right check digit, with factors and dates that vary.
 * `tell`: how many there are, after each transaction.
 */
export async function insertPoints(registration, metering, rows, tell = async (_inserted) => {}) {
  const { rows: columns } = await registration.query(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'registration.metering_point'::regclass AND attnum > 1 AND NOT attisdropped ORDER BY attnum`,
  );
  const names = columns.map(({ name }) => name);
  const values = names.map((name) => {
    if (name === 'line_loss_factor') return 'round(1 + n % 97 / 1000.0, 3)';
    return name === 'supplier_efd' ? `DATE '2010-01-01' + (n * 31 % 5000)::int` : name;
  });
  const { rows: models } = await metering.query('SELECT mpan_core FROM metering.metering_point ORDER BY 1 LIMIT 1');
  const [{ mpan_core: model }] = models;
  await registration.query(`CREATE OR REPLACE FUNCTION pg_temp.mpan(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT stem || ((SELECT sum(substr(stem, i::int, 1)::int * p) FROM unnest(ARRAY[3,5,7,13,17,19,23,29,31,37,41,43]) WITH ORDINALITY AS w(p, i)) % 11 % 10)::text
    FROM (SELECT '${model.slice(0, 2)}' || lpad(n::text, 10, '0') AS stem) s $$`);
  for (let from = 1; from <= rows; from += rowsAtOnce) {
    const to = Math.min(rows, from + rowsAtOnce - 1);
    await registration.query(
      `INSERT INTO registration.metering_point (mpan_core, ${names.join(', ')}) SELECT pg_temp.mpan(n), ${values.join(', ')}
       FROM registration.metering_point, generate_series($1::bigint, $2::bigint) AS n WHERE mpan_core = $3 ON CONFLICT DO NOTHING`,
      [from, to, model],
    );
    await tell(to);
  }
}

export async function vacuum(registration, metering) {
  await registration.query('VACUUM ANALYZE registration.metering_point');
  await metering.query('VACUUM ANALYZE metering.metering_point');
}
