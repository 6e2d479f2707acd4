import { Command } from 'commander';
import { tableName } from '../connectors/source/route-columns.ts';
import { askOfTable, readWish, type TableWish } from '../connectors/source/table-wish.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { untilInterrupted } from './interruption.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, UsageError } from './output.ts';
import { pauseSide } from './pause-side.ts';
import { findRoute } from './places.ts';

interface PauseOptions extends CommonOptions {
  readonly detach?: boolean;
}

const lookEveryMs = 200;
/** A source that runs answers at once, or is telling what was parked. */
const takenWithinMs = 5_000;

/** `concord pause TABLE|SIDE`: of a table, its changes are kept on the parked topic until it is resumed; of a side, its slot keeps WAL. */
export function pauseCommand(): Command {
  return withCommonOptions(
    new Command('pause')
      .description(
        'let a table wait (its changes are kept on the parked topic, other tables go on), or a whole side (its slot keeps WAL)',
      )
      .argument(
        '<table>',
        'such as metering_point or registration.appointment; or registration or metering, for the side',
      ),
  )
    .option('--detach', 'return when the source has been asked')
    .action((name: string, options: PauseOptions) => ask(name, 'pause', options));
}

/** `concord resume TABLE`: what was parked of it is told in its order, and it goes on. */
export function resumeCommand(): Command {
  return withCommonOptions(
    new Command('resume')
      .description(
        'let a table go on (what was parked of it is told in its order; exit code 3 when it can not be told), or a paused side',
      )
      .argument(
        '<table>',
        'a table that was paused, or parked because its shape did not fit; or registration or metering',
      ),
  )
    .option('--detach', 'return when the source has been asked')
    .action((name: string, options: PauseOptions) => ask(name, 'resume', options));
}

async function ask(name: string, wish: TableWish['wish'], options: PauseOptions): Promise<void> {
  const settings = settingsOf(options);
  if (name === 'registration' || name === 'metering') {
    await pauseSide(settings, name, wish === 'pause', { json: options.json === true, detach: options.detach === true });
    return;
  }
  const { place, route } = await findRoute(settings, name);
  const { source, database } = place;
  const table = tableName(route);
  if (source.parkedTopic === null)
    throw new UsageError(
      `${table} is a table of our own, which is not paused. \`concord pause metering\` pauses its side.`,
    );
  const interruption = untilInterrupted();
  await withDatabase(database, 'concord pause', async (client) => {
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('concord.table_wish') IS NOT NULL AS there`,
    );
    if (rows[0]?.there !== true) throw new UsageError('The database is not prepared for it yet. Run `concord init`.');
    await askOfTable(client, source.name, table, wish);
    const begin = monotonicMs();
    let told = options.json === true;
    let answer = await readWish(client, source.name, table);
    while (options.detach !== true && answer?.state === 'asked' && answer.wish === wish && !interruption.aborted) {
      await pause(lookEveryMs, interruption);
      answer = await readWish(client, source.name, table);
      if (told || monotonicMs() - begin < takenWithinMs) continue;
      told = true;
      print(
        `It waits for the source ${source.name}: for its process, or for what is told. \`concord status\` shows how far it is.`,
      );
    }
    if (options.json === true) printJson(answer);
    else print(tell(table, wish, answer, source.parkedTopic ?? ''));
    if (answer?.state === 'refused') process.exitCode = exit.found;
  });
}

function tell(table: string, wish: TableWish['wish'], answer: TableWish | null, topic: string): string {
  if (answer?.state === 'refused') return `${table} can not be ${wish}d: ${answer.answer ?? ''}`;
  if (answer?.state !== 'done') return `${table}: the source is asked, and does it without this command.`;
  return wish === 'pause'
    ? `${table} is paused. Its changes are kept on ${topic} and take room there, but no WAL; receivers do not see them, and reconcile shows what they lack. \`concord resume ${table}\` tells them.`
    : `${table} goes on: everything that was parked of it is told.`;
}
