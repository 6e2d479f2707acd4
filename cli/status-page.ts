import { print, printTable } from './output.ts';
import type { Status } from './status-model.ts';

/** The status for a person: problems first, then lag, then what was refused. */
export function printStatus(status: Status, watching: boolean): void {
  if (watching) process.stdout.write('\u001B[2J\u001B[H');
  if (status.problems.length === 0) print('All is well.');
  for (const { code, text, remedy } of status.problems) print(`✗ ${code}: ${text}\n  → ${remedy}`);
  print('');
  print(
    `Processes: ${
      Object.entries(status.pids)
        .map(([name, pid]) => `${name} ${pid}`)
        .join(' · ') || 'none'
    }`,
  );
  for (const [name, side] of Object.entries(status.sides)) {
    if (side === null) continue;
    const { source, sink, memoryBytes } = side;
    const wal = source.retainedWalBytes === null ? '' : `, slot keeps ${mebibytes(source.retainedWalBytes)} of WAL`;
    print(
      `  ${name}: published through ${source.lsn}${wal}; applied from ${sink.source}: ${sink.lagSeconds.toFixed(1)} s behind; memory ${mebibytes(memoryBytes)}`,
    );
    if (!source.loadComplete) {
      for (const [table, load] of Object.entries(source.load)) {
        const of = load.estimate === null ? '' : ` of about ${load.estimate.toLocaleString('en-GB')}`;
        print(`    initial load ${table}: ${load.rows.toLocaleString('en-GB')}${of} rows${load.done ? ', done' : ''}`);
      }
    }
  }
  print('');
  printTable(
    ['topic', 'captured', 'lag, events', 'lag, s', 'published', 'applied'],
    status.topics.map((topic) => [
      topic.topic,
      topic.captured,
      topic.lagEvents,
      topic.lagSeconds === null ? null : Number(topic.lagSeconds.toFixed(1)),
      topic.position,
      topic.applied,
    ]),
    'Nothing has been captured yet.',
  );
  print('');
  const rejections = status.rejections;
  print(
    `Held: ${status.held ?? '?'} · rejections: ${rejections === null ? '?' : `${rejections['open']} open, ${rejections['resolved']} resolved, ${rejections['withdrawn']} withdrawn`}`,
  );
  print(`Balance: ${status.balance === null ? '?' : status.balance.closes ? 'closes' : 'events are on their way'}`);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toLocaleString('en-GB', { maximumFractionDigits: 1 })} MiB`;
}
