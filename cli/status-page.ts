import { tellSecondsLeft } from '../connectors/source/estimate.ts';
import { print, printTable } from './output.ts';
import type { SideStatus } from './sides/status-document.ts';
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
    for (const line of tellSource(source)) print(`    ${line}`);
    if (!source.loadComplete) {
      for (const [table, load] of Object.entries(source.load)) {
        const of = load.estimate === null ? '' : ` of about ${load.estimate.toLocaleString('en-GB')}`;
        print(
          `    initial load ${table}: ${load.rows.toLocaleString('en-GB')}${of} rows${load.done ? ', done' : tellSecondsLeft(load.secondsLeft)}`,
        );
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
  const reasons = Object.entries(status.heldFor ?? {}).map(([code, events]) => `${code} ${events}`);
  const heldFor = reasons.length === 0 ? '' : ` (${reasons.join(', ')})`;
  print(
    `Held: ${status.held ?? '?'}${heldFor} · rejections: ${rejections === null ? '?' : `${rejections['open']} open, ${rejections['resolved']} resolved, ${rejections['withdrawn']} withdrawn`}`,
  );
  printProof(status);
  for (const [entity, since] of Object.entries(status.historyKeptFrom ?? {})) {
    print(`History of ${entity} is whole from ${since.slice(0, 19)} on.`);
  }
  print(`Balance: ${status.balance === null ? '?' : status.balance.closes ? 'closes' : 'events are on their way'}`);
}

/** How far both sides are proved equal, and how long ago. */
function printProof({ proof, verifiedThrough }: Status): void {
  const through = Object.entries(verifiedThrough).map(([table, lsn]) => `${table} ${lsn}`);
  if (through.length === 0) {
    print('Verified: nothing yet; `concord reconcile` compares both sides.');
    return;
  }
  print(`Verified through: ${through.join(' · ')}`);
  if (proof === null) return;
  const when =
    proof.lastPassAt === null ? 'no run over all tables has passed' : `last pass at ${proof.lastPassAt.slice(0, 19)}Z`;
  const open = proof.unexplained ?? 0;
  const found =
    open === 0 ? '' : `; the last run could not explain ${open.toLocaleString('en-GB')} row${open === 1 ? '' : 's'}`;
  const { failedInARow } = proof;
  const failed =
    failedInARow === 0
      ? ''
      : `; ${failedInARow === 1 ? 'the last run' : `the last ${failedInARow} runs`} could not compare: \`concord reconcile history\` says why`;
  print(`  ${when}${found}${failed}`);
}

/** The budget of WAL, where there is one; whether a failover would be safe; what is read because it was asked for. */
function tellSource(source: SideStatus['source']): readonly string[] {
  const { walStatus, safeWalBytes, failover, job, parked, leftOut } = source;
  const lines: string[] = [];
  const growth = source.walGrowthBytesPerSecond;
  if (walStatus !== null && (safeWalBytes !== null || growth !== null || walStatus !== 'reserved')) {
    lines.push(`WAL is ${walStatus}${tellBudget(source)}`);
  }
  if (failover !== null) {
    lines.push(`safe to fail over now: ${failover.safe ? 'yes' : `no, because ${failover.because.join('; ')}`}`);
  }
  if (job !== null) {
    const of = job.estimate === null ? '' : ` of about ${job.estimate.toLocaleString('en-GB')}`;
    lines.push(
      `snapshot ${source.name}:${job.id} of ${job.table}: ${job.rows.toLocaleString('en-GB')}${of} rows${tellSecondsLeft(job.secondsLeft)}`,
    );
  }
  if (leftOut !== null) {
    const since = new Date(leftOut.at / 1000).toISOString().slice(0, 19);
    lines.push(
      `${leftOut.count.toLocaleString('en-GB')} value${leftOut.count === 1 ? ' was' : 's were'} too large to send since this process began, the last at ${since} (\`concord explain VALUE_TOO_LARGE\`)`,
    );
  }
  for (const [table, { code, at, changes, released, bytes }] of Object.entries(parked)) {
    const waiting = (changes - released).toLocaleString('en-GB');
    const since = new Date(at / 1000).toISOString().slice(0, 19);
    lines.push(
      `${table} is ${code === 'TABLE_PAUSED' ? 'paused' : 'parked'} since ${since}: ${waiting} changes wait, ${mebibytes(bytes)} on the parked topic, no WAL; \`concord resume ${table}\` tells them`,
    );
  }
  return lines;
}

/** What a slot keeps while nobody reads it. */
export function tellWal(source: SideStatus['source']): string {
  const { retainedWalBytes } = source;
  if (retainedWalBytes === null) return 'WAL';
  const budget = source.safeWalBytes === null ? ', without a limit: it grows until the disk is full' : '';
  return `${mebibytes(retainedWalBytes)} of WAL${tellBudget(source)}${budget}`;
}

function tellBudget({
  safeWalBytes,
  walGrowthBytesPerSecond: growth,
  walExhaustedInSeconds: end,
}: SideStatus['source']): string {
  const left = safeWalBytes === null ? '' : `, ${mebibytes(safeWalBytes)} left of max_slot_wal_keep_size`;
  const rate =
    growth === null || Math.abs(growth) < 1024
      ? ''
      : `, ${growth < 0 ? 'shrinking' : 'growing'} by ${kibibytes(Math.abs(growth))} a second`;
  const eta =
    end === null ? '' : `, the slot is given up in about ${Math.round(end).toLocaleString('en-GB')} s if that goes on`;
  return `${left}${rate}${eta}`;
}

function kibibytes(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024).toLocaleString('en-GB')} KiB` : mebibytes(bytes);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toLocaleString('en-GB', { maximumFractionDigits: 1 })} MiB`;
}
