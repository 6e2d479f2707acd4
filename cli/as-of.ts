import { Command } from 'commander';
import pg from 'pg';
import { meteringPointTable, appointmentTable } from '../connectors/metering/entities.ts';
import { Fault } from '../runtime/fault.ts';
import { maskMpan } from '../runtime/mask.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { print, printJson, UsageError } from './output.ts';

interface AsOfOptions extends CommonOptions {
  readonly knownAt?: string;
  readonly reveal?: boolean;
}

type ItemsByName = Readonly<Record<string, string | number | boolean | null>>;

/** What `concord as-of --json` prints. */
interface Answer {
  readonly mpan: string;
  readonly on: string;
  /** Source time, ISO 8601. */
  readonly knownAt: string;
  readonly meteringPoint: ItemsByName | null;
  readonly appointment: ItemsByName | null;
  /** Table → from when on the store can answer; a table that is not there has all of its history. */
  readonly historyKeptFrom: Readonly<Record<string, string>>;
}

/** `concord as-of MPAN DATE`: what held of a metering point on a settlement date, as it was known at a moment. */
export function asOfCommand(): Command {
  return withCommonOptions(
    new Command('as-of')
      .description('what held of a metering point on a settlement date, as it was known at a moment')
      .argument('<mpan>', 'the MPAN core')
      .argument('<date>', 'the settlement date, such as 2026-04-01'),
  )
    .option('--known-at <time>', 'source time, such as 2026-03-20T09:00:00Z; without a zone, in London (default: now)')
    .option('--reveal', 'show MPAN cores unmasked')
    .action(async (mpan: string, date: string, options: AsOfOptions) => {
      assertMpan(mpan);
      assertDate(date);
      const answer = await ask(mpan, date, options);
      if (options.json === true) printJson(answer);
      else printAnswer(answer);
    });
}

function assertMpan(mpan: string): void {
  if (!/^[0-9]{13}$/.test(mpan)) {
    throw new UsageError('An MPAN core has 13 digits, without spaces. `concord explain MPAN_FORMAT` says more.');
  }
}

function assertDate(date: string): void {
  const parsed = /^\d{4}-\d{2}-\d{2}$/.test(date) ? new Date(`${date}T00:00:00Z`) : null;
  if (parsed === null || Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== date) {
    throw new UsageError(`${date} is not a date; give it as 2026-04-01.`);
  }
}

async function ask(mpan: string, date: string, options: AsOfOptions): Promise<Answer> {
  const { metering } = settingsOf(options);
  return withDatabase(metering.database, 'concord as-of', async (client) => {
    await client.query("SET timezone = 'Europe/London'; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const knownAt = await momentOf(client, options.knownAt);
    const values = [mpan, date, knownAt];
    try {
      const point = await client.query<{ row: ItemsByName }>(
        'SELECT to_jsonb(a) AS row FROM metering.metering_point_as_of($1, $2, $3) a',
        values,
      );
      const appointment = await client.query<{ row: ItemsByName }>(
        'SELECT to_jsonb(a) AS row FROM metering.appointment_as_of($1, $2, $3) a',
        values,
      );
      const shown = (row: ItemsByName | undefined): ItemsByName | null =>
        row === undefined ? null : { ...row, mpan_core: options.reveal === true ? mpan : maskMpan(mpan) };
      return {
        mpan: options.reveal === true ? mpan : maskMpan(mpan),
        on: date,
        knownAt,
        meteringPoint: shown(point.rows[0]?.row),
        appointment: shown(appointment.rows[0]?.row),
        historyKeptFrom: await historyKeptFrom(client),
      };
    } catch (error) {
      throw removedHistory(error);
    }
  });
}

/** The moment as PostgreSQL reads it, to the microsecond, in ISO 8601. */
async function momentOf(client: pg.Client, text: string | undefined): Promise<string> {
  try {
    const { rows } = await client.query<{ at: string }>(
      `SELECT to_char(coalesce($1::timestamptz, now()) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
      [text ?? null],
    );
    return rows[0]?.at ?? '';
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || !(error.code ?? '').startsWith('22')) throw error;
    throw new UsageError(`--known-at ${text ?? ''} is not a time; give it as 2026-03-20T09:00:00Z.`);
  }
}

/** Table → from when on its history is whole. */
export async function historyKeptFrom(client: pg.Client): Promise<Readonly<Record<string, string>>> {
  const { rows } = await client.query<{ entity: string; since: Date }>(
    'SELECT entity, since FROM metering.history_kept_from ORDER BY entity',
  );
  return Object.fromEntries(rows.map(({ entity, since }) => [entity, since.toISOString()]));
}

/** The store's own answer where it would need what retention has removed. */
function removedHistory(error: unknown): unknown {
  if (!(error instanceof pg.DatabaseError) || error.code !== 'CN001') return error;
  return new Fault('refused', 'HISTORY_REMOVED', error.message.replace(/^HISTORY_REMOVED: /, ''), {}, error);
}

function printAnswer({ mpan, on, knownAt, meteringPoint, appointment }: Answer): void {
  print(`Metering point ${mpan} on settlement date ${on}, as it was known at ${knownAt}:\n`);
  if (meteringPoint === null) print('  It did not exist, as far as was known then.');
  else printItems(meteringPoint, meteringPointTable.items);
  print('');
  if (appointment === null) print('  No metering service was appointed.');
  else {
    print(`  Appointment ${appointment['appointment_id']}:`);
    printItems(appointment, appointmentTable.items);
  }
}

function printItems(row: ItemsByName, items: readonly (readonly [string, string])[]): void {
  for (const [name] of items) {
    if (name === 'mpan_core' || name === 'appointment_id') continue;
    const value = row[name];
    print(`  ${name.padEnd(24)}${value === null || value === undefined ? '–' : String(value)}`);
  }
}
