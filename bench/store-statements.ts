import { mkdtempSync, readFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { CopyFields, copyOut } from '../connectors/metering/copy-out.ts';
import { CopyBinary } from '../connectors/metering/copy-binary.ts';
import { meteringPointTable } from '../connectors/metering/entities.ts';
import { migrateMetering } from '../connectors/metering/migrate.ts';
import { changeStatements, statementsOf } from '../connectors/metering/statements.ts';
import { copyRows } from '../connectors/metering/write.ts';
import { removeStack, stopStack } from '../local/stack.ts';
import { createLog } from '../runtime/log.ts';
import { progress, untilInterrupted } from './interrupt.ts';
import { Servers, withClient } from './servers.ts';

/**
 * `npm run bench:statements [-- --rows 1000000 --batch 800 --batches 200]`: what the store's server spends on each statement of
 * a batch of updates at random places, in CPU time of its process. Nothing else of the product runs.
 */
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    batch: { type: 'string', default: '800' },
    batches: { type: 'string', default: '200' },
  },
});
const [rows, batch, batches] = [values.rows, values.batch, values.batches].map(Number) as [number, number, number];
const statements = statementsOf(meteringPointTable);
const change = changeStatements(meteringPointTable, {
  items: [['line_loss_factor', 'millionths']],
  timeline: false,
  decided: false,
  ending: false,
});
const tell = progress();
const signal = untilInterrupted(20);
const dataDir = mkdtempSync(path.join(tmpdir(), 'concord-statements-'));

try {
  const servers = await Servers.start(dataDir, tell, signal);
  const { store } = await servers.makeDatabases('statements');
  await withClient(store, measure);
  await servers.disconnect();
} finally {
  await stopStack(dataDir);
  removeStack(dataDir);
}
process.exit();

async function measure(client: pg.Client): Promise<void> {
  await migrateMetering(client, createLog('bench', 'warn'));
  tell(`making ${rows} rows`);
  await client.query(`INSERT INTO metering.metering_point SELECT '13' || lpad(n::text, 11, '0'), '_D', 'MANW', 'SUPA',
    DATE '2024-04-01' + (n % 400)::int, 'S', 'DATA', '2024-04-01', 'AI', true, 'S-D-W-AI', 'W', 'MSVA', '2024-04-01', 0.95, '001', false,
    'registration', 1, n, 0, n, now(), now(), now() FROM generate_series(0, ${rows - 1}) n`);
  await client.query('VACUUM (ANALYZE) metering.metering_point; ');
  await client.query('CHECKPOINT');
  // As a lane's connection is set.
  for (const name of ['enable_hashjoin', 'enable_mergejoin', 'enable_seqscan']) await client.query(`SET ${name} = off`);
  await client.query('SET synchronous_commit = off');
  for (const create of statements.createTemporary) await client.query(create);
  const { rows: found } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const pid = found[0]?.pid ?? 0;
  const spent = new Map<string, number>();
  const step = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
    const before = nanosecondsOf(pid);
    const answer = await act();
    spent.set(name, (spent.get(name) ?? 0) + nanosecondsOf(pid) - before);
    return answer;
  };
  tell(`${batches} batches of ${batch}`);
  let updates = 0;
  for (let number = 0; number < batches; number += 1) {
    signal.throwIfAborted();
    updates += await updateBatch(client, number, step);
  }
  let sum = 0;
  for (const [name, nanoseconds] of spent) {
    sum += nanoseconds;
    process.stdout.write(
      `${name.padEnd(44)} ${(nanoseconds / updates / 1_000).toFixed(2).padStart(6)} µs of CPU an update\n`,
    );
  }
  const load = loadavg().map((one) => one.toFixed(1));
  process.stdout.write(
    `${'all'.padEnd(44)} ${(sum / updates / 1_000).toFixed(2).padStart(6)} µs of CPU an update (${rows} rows, ${batch} a batch, load averages ${load.join(' ')})\n`,
  );
}

type Steps = <T>(name: string, act: () => Promise<T>) => Promise<T>;

async function updateBatch(client: pg.Client, number: number, step: Steps): Promise<number> {
  const keys = new Set<string>();
  for (let index = 0; index < batch; index += 1) {
    keys.add(`13${String(((number * batch + index) * 7919) % rows).padStart(11, '0')}`);
  }
  const select = statements.select.replace('$1', `'{${[...keys].join(',')}}'::text[]`);
  await client.query('BEGIN');
  const bytes = await step('reading the rows (COPY by a list of keys)', () => copyOut(client, select));
  const changed = changedRows(bytes, number);
  await step('COPY into the temporary table', () => copyRows(client, change.copy, changed));
  await step('INSERT … SELECT into history', () => client.query(change.end));
  await step('UPDATE', () => client.query(change.update));
  await step('COMMIT', () => client.query('COMMIT'));
  return keys.size;
}

/** Each row with another factor and position. */
function changedRows(bytes: Buffer, number: number): CopyBinary {
  const rows = new CopyBinary();
  const fields = new CopyFields();
  const at = Date.now() * 1_000;
  for (fields.begin(bytes); !fields.isAtEnd; ) {
    const key = fields.text();
    for (let index = 1; index < meteringPointTable.items.length + 3; index += 1) fields.text();
    rows.place(fields.place());
    fields.text();
    rows.text('registration');
    rows.integer(1);
    rows.long(10_000_000 + number);
    rows.integer(1);
    rows.long(1_000 + number);
    rows.timestamp(at);
    rows.timestamp(at);
    rows.text(key);
    rows.millionths(1_000_000 + number);
    rows.endRow();
  }
  return rows;
}

/** What Linux says that a process has had of a processor. */
function nanosecondsOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]);
}
