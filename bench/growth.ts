import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checkoutDirectory } from '../local/checkout.ts';
import { removeStack, stopStack } from '../local/stack.ts';
import { growthChart } from './chart.ts';
import { ConcordRig, type Shape } from './concord-rig.ts';
import { type GrowthPoint, type GrowthResults, growths } from './growth-results.ts';
import { growthMarkdown } from './growth-report.ts';
import { progress, untilInterrupted } from './interrupt.ts';
import { currentCommit, describeMachine } from './machine.ts';
import { RoundOf, type RoundSettings } from './round.ts';
import { Servers } from './servers.ts';

/**
 * `npm run bench:growth [-- --rows-max 10000000 --only rows,transaction,partitions,sinks]`: our side alone, as one thing
 * after the other grows. Everything that it starts it stops.
 */
const { values: options } = parseArgs({
  options: {
    'rows-max': { type: 'string', default: '10000000' },
    only: { type: 'string', default: Object.keys(growths).join(',') },
    minutes: { type: 'string', default: '120' },
  },
});
const rowsMax = Number(options['rows-max']);
const chosen = new Set(options.only.split(','));
const tell = progress();
const signal = untilInterrupted(Number(options.minutes));

/** What the other experiments have as their table. */
const ordinaryRows = Math.min(300_000, rowsMax);
/** Of fewer transactions in a backlog no rate is told. */
const transactionsMin = 10;
const usual: Shape = { partitions: 4, sinks: 1 };

try {
  const results = await run();
  const folder = path.join(checkoutDirectory, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'growth.json'), `${JSON.stringify(results, null, 1)}\n`);
  for (const [growing, { title, base }] of Object.entries(growths)) {
    const points = results.points.filter((point) => point.growing === growing);
    if (points.length === 0) continue;
    const of = points.find(({ size }) => size === base) ?? points[0];
    const lines = (['rate', 'memoryMax', 'cpu'] as const).map((figure) => ({
      name: { rate: 'events a second', memoryMax: 'peak memory of a process', cpu: 'CPU per event' }[figure],
      points: points.flatMap((point) => {
        const value = point[figure];
        return value === null ? [] : [[point.size, value / (of?.[figure] ?? 1)] as const];
      }),
    }));
    writeFileSync(path.join(folder, `growth-${growing}.svg`), growthChart(title, growing, `ratio to ${base}`, lines));
  }
  process.stdout.write(`\n${growthMarkdown(results)}\n`);
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
process.exit();

async function run(): Promise<GrowthResults> {
  const begun = performance.now();
  const before = loadavg();
  const points: GrowthPoint[] = [];
  const dataDir = mkdtempSync(path.join(tmpdir(), 'concord-growth-'));
  let servers: Servers | null = null;
  try {
    tell(`starting the servers in ${dataDir}`);
    servers = await Servers.start(dataDir, tell, signal);
    if (chosen.has('transaction')) await transactions();
    for (const partitions of [1, 4, 16, 48])
      await load('partitions', partitions, ordinaryRows, { ...usual, partitions });
    for (const sinks of [1, 2, 4]) await load('sinks', sinks, ordinaryRows, { ...usual, sinks });
    // The longest last.
    for (const rows of upTo([100_000, 1_000_000, 10_000_000], rowsMax)) {
      await load('rows', rows, rows, usual);
    }
  } catch (error) {
    // What was measured before an interruption is kept.
    if (!signal.aborted || points.length === 0) throw error;
    tell('interrupted: the points so far are written');
  } finally {
    await servers?.disconnect();
    await stopStack(dataDir, tell);
    removeStack(dataDir);
  }
  return {
    at: new Date().toISOString(),
    commit: currentCommit(),
    machine: describeMachine(),
    load: { before, after: loadavg() },
    seconds: Math.round((performance.now() - begun) / 1_000),
    points,
  };

  /** From the table into the store. */
  async function load(growing: GrowthPoint['growing'], size: number, rows: number, shape: Shape): Promise<void> {
    if (!chosen.has(growing) || servers === null) return;
    const { settings, point } = recorder(growing, size, rows, 0);
    tell(`${growing}: ${size}`);
    const round = await new ConcordRig(servers, signal, shape).prepare(`${growing}_${size}`, rows);
    try {
      await new RoundOf(round, servers, settings).tableToStore();
    } finally {
      await round.remove();
    }
    points.push(point());
  }

  /** The same rows, changed in transactions of more and more. */
  async function transactions(): Promise<void> {
    if (servers === null) return;
    const rows = Math.min(1_000_000, rowsMax);
    const round = await new ConcordRig(servers, signal, usual).prepare('transaction', rows);
    try {
      await new RoundOf(round, servers, recorder('transaction', 0, rows, 0).settings).tableToStore();
      let factor = 2;
      for (const size of upTo([1, 10, 100, 1_000, 10_000, 100_000, 1_000_000], rows)) {
        tell(`transaction: ${size}`);
        const { settings, point } = recorder('transaction', size, rows, Math.max(size, Math.min(200_000, rows)));
        await new RoundOf(round, servers, settings).drainToStore(size, factor);
        points.push(point());
        factor += 1;
      }
    } finally {
      await round.remove();
    }
  }
}

/** Settings of a round whose figures become one point. */
function recorder(
  growing: GrowthPoint['growing'],
  size: number,
  rows: number,
  changes: number,
): { settings: RoundSettings; point: () => GrowthPoint } {
  const noted = new Map<string, number>();
  const settings: RoundSettings = {
    number: size,
    rows,
    changes,
    latencySeconds: 0,
    letters: new Set(),
    signal,
    note: (measure, value) =>
      noted.set(measure.replace(/^(cpu-)?(table-to-store|drain-\d+-to-store)$/, '$1rate'), value),
    noteCpu: () => undefined,
    tell,
  };
  const of = (name: string): number => noted.get(name) ?? Number.NaN;
  const point = (): GrowthPoint => ({
    growing,
    size,
    // A rate is from the first commit in the store to the last, and a transaction is one commit of each lane.
    rate: changes > 0 && changes / size < transactionsMin ? null : of('rate'),
    memoryMax: of('memory-peak-process'),
    memorySum: of('memory-peak'),
    cpu: of('cpu-rate'),
  });
  return { settings, point };
}

function upTo(sizes: readonly number[], max: number): readonly number[] {
  return sizes.filter((size) => size <= max);
}
