import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command, Option } from 'commander';
import type { TableRoute } from '../connectors/source/contract.ts';
import { tellSecondsLeft } from '../connectors/source/estimate.ts';
import { readJobs, requestSnapshot, setJobState, type SnapshotJob } from '../connectors/source/job-table.ts';
import { identifyingColumns, tableName } from '../connectors/source/route-columns.ts';
import { maskDigits } from '../runtime/mask.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { untilInterrupted } from './interruption.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, printTable, UsageError } from './output.ts';
import { findRoute, placesOf } from './places.ts';
import type { Settings } from './settings.ts';
import { followSnapshot, restOf, tellJob } from './snapshot-follow.ts';
import { heal } from './snapshot-heal.ts';

interface RequestOptions extends CommonOptions {
  readonly where?: string;
  readonly keys?: string;
  readonly detach?: boolean;
  readonly heal?: boolean;
  readonly plan?: boolean;
}

/** `concord snapshot TABLE | list | pause ID | resume ID | cancel ID`: reads rows again while everything runs. */
export function snapshotCommand(): Command {
  const command = withCommonOptions(
    new Command('snapshot')
      .description('read a table, or a part of it, again while everything runs')
      .usage('[options] TABLE')
      .argument('[table]', 'such as metering_point or registration.appointment; with --heal, a source'),
  )
    .addOption(new Option('--where <condition>', 'only rows for which this SQL condition is true').conflicts('keys'))
    .option(
      '--keys <file>',
      'only these keys, one a line (- reads standard input), parts separated by |; a key that is gone becomes a delete',
    )
    .option('--detach', 'return when the source has been asked')
    .addOption(
      new Option(
        '--heal',
        'after a gap: make a new slot, tell what was deleted meanwhile, and read all tables of the source again',
      ).conflicts(['where', 'keys', 'detach']),
    )
    .option('--plan', 'with --heal: only show what is broken; exit code 3 when something is')
    .action(request);
  withCommonOptions(command.command('list').description('list what was asked for, and how far it is'))
    .option('--reveal', 'show conditions unmasked')
    .action(list);
  const acts = [
    ['pause', 'let a snapshot wait; nothing of it is lost', 'paused'],
    ['resume', 'let a paused snapshot go on where it was, and a failed one begin again', 'queued'],
    ['cancel', 'give a snapshot up; what was read stays', 'cancelled'],
  ] as const;
  for (const [word, description, state] of acts) {
    withCommonOptions(
      command.command(word).description(description).argument('<id>', 'as `concord snapshot list` shows it'),
    ).action((id: string, _options: CommonOptions, self: Command) => change(id, self.optsWithGlobals(), state));
  }
  return command;
}

async function request(table: string | undefined, options: RequestOptions): Promise<void> {
  if (options.heal === true) {
    const settings = settingsOf(options);
    await heal(settings, await placesOf(settings), table, options);
    return;
  }
  if (options.plan === true) throw new UsageError('--plan goes with --heal.');
  if (table === undefined) throw new UsageError('Name the table: `concord snapshot metering_point`.');
  const settings = settingsOf(options);
  const { place, route } = await findRoute(settings, table);
  const keys = options.keys === undefined ? null : await readKeys(options.keys, route);
  const interruption = untilInterrupted();
  await withDatabase(place.database, 'concord snapshot', async (client) => {
    await requireTable(client);
    const wish = {
      route,
      ...(options.where === undefined ? {} : { predicate: options.where }),
      ...(keys === null ? {} : { keys }),
    };
    const job = await requestSnapshot(client, place.source.name, wish);
    const name = idOf(job);
    if (options.json !== true) print(`Snapshot ${name} of ${job.table} is asked for: ${tellSize(job)}.`);
    if (options.detach === true) {
      if (options.json === true) printJson(job);
      return;
    }
    const last = await followSnapshot(client, job, options.json === true ? null : print, interruption);
    if (options.json === true) printJson(last);
    if (last.endedAt === null && options.json !== true) {
      print(
        `Snapshot ${name} goes on without this command. \`concord snapshot list\` shows it, \`concord snapshot cancel ${name}\` ends it.`,
      );
    }
    if (last.state === 'failed') process.exitCode = exit.fault;
    else if (last.untold > 0) process.exitCode = exit.found;
  });
}

function tellSize(job: SnapshotJob): string {
  if (job.estimate === null) return 'PostgreSQL has no estimate of its rows yet (ANALYZE makes one)';
  const rows = job.estimate.toLocaleString('en-GB');
  return job.kind === 'keys' ? `${rows} keys` : `about ${rows} rows`;
}

async function readKeys(file: string, route: TableRoute): Promise<readonly (readonly string[])[]> {
  const all = identifyingColumns(route);
  const few = route.primaryKey.length;
  const keys = new Map<string, readonly string[]>();
  const input = file === '-' ? process.stdin : createReadStream(file);
  try {
    for await (const line of createInterface({ input })) {
      const text = line.trim();
      if (text === '') continue;
      const parts = text.split('|');
      if (parts.length !== few && parts.length !== all.length) {
        const longer = all.length === few ? '' : `, or ${all.join('|')}`;
        throw new UsageError(
          `A line of the keys has ${parts.length} parts, but a key of ${tableName(route)} is ${route.primaryKey.join('|')}${longer}.`,
        );
      }
      keys.set(text, parts);
    }
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw new UsageError(`The file ${file} can not be read: ${error.message}.`);
    throw error;
  }
  if (keys.size === 0) throw new UsageError('No key was given: one a line, in the file or on standard input.');
  return [...keys.values()];
}

async function requireTable(client: Parameters<typeof readJobs>[0]): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('concord.snapshot_key') IS NOT NULL AS there`,
  );
  if (rows[0]?.there !== true) throw new UsageError('The database is not prepared for it yet. Run `concord init`.');
}

/** Ids count in each database: with the source's name they are unique. */
function idOf(job: SnapshotJob): string {
  return `${job.source}:${job.id}`;
}

async function jobsOf(settings: Settings): Promise<readonly SnapshotJob[]> {
  const places = await placesOf(settings);
  const lists = places.map(({ source, database }) =>
    withDatabase(database, 'concord snapshot', async (client) => {
      await requireTable(client);
      return readJobs(client, source.name);
    }),
  );
  return (await Promise.all(lists)).flat();
}

async function list(_options: CommonOptions, self: Command): Promise<void> {
  const options = self.optsWithGlobals<CommonOptions & { reveal?: boolean }>();
  const jobs = (await jobsOf(settingsOf(options))).map((job) => ({
    ...job,
    secondsLeft: restOf(job),
    predicate: job.predicate === null || options.reveal === true ? job.predicate : maskDigits(job.predicate),
  }));
  if (options.json === true) {
    printJson(jobs);
    return;
  }
  printTable(
    ['id', 'table', 'what', 'state', 'asked', 'how far'],
    jobs.map((job) => [
      idOf(job),
      job.table,
      job.predicate ?? (job.kind === 'keys' ? 'listed keys' : 'all rows'),
      job.state,
      job.requestedAt.toISOString().slice(0, 19),
      job.problem ?? `${tellJob(job)}${tellSecondsLeft(job.secondsLeft)}`,
    ]),
    'No snapshot was asked for.',
  );
}

async function change(id: string, options: CommonOptions, state: 'paused' | 'queued' | 'cancelled'): Promise<void> {
  const settings = settingsOf(options);
  const [word = '', name] = id.split(':').toReversed();
  if (!/^\d{1,9}$/.test(word))
    throw new UsageError(`${id} is no id of a snapshot. \`concord snapshot list\` shows them.`);
  const jobs = (await jobsOf(settings)).filter((job) => job.id === Number(word) && job.source === (name ?? job.source));
  const [job] = jobs;
  if (job === undefined) throw new UsageError(`There is no snapshot ${id}. \`concord snapshot list\` shows them.`);
  if (jobs.length > 1)
    throw new UsageError(`Each source has a snapshot ${id}; say which: ${jobs.map(idOf).join(', ')}.`);
  const places = await placesOf(settings);
  const place = places.find(({ source }) => source.name === job.source);
  if (place === undefined) throw new RangeError('a job of no source');
  const changed = await withDatabase(place.database, 'concord snapshot', (client) =>
    setJobState(client, job.source, job.id, state),
  );
  if (changed === null) throw new UsageError(`Snapshot ${idOf(job)} is ${job.state}, so it can not be ${state}.`);
  if (options.json === true) printJson(changed);
  else print(`Snapshot ${idOf(job)} of ${job.table} is ${state}: ${tellJob(changed)}.`);
}
