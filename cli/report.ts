import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { mapColumns, type MapLine, type MapQuestion } from '../connectors/metering/map-report/lines.ts';
import { runMapReport } from '../connectors/metering/map-report/run.ts';
import { csvText } from '../runtime/csv.ts';
import { type DatabaseSettings, withDatabase } from '../runtime/postgres.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { print, printJson, printTable, UsageError } from './output.ts';
import { reportRunsCommand, reportUsersCommand } from './report-users.ts';
import type { Settings } from './settings.ts';

interface MapOptions extends CommonOptions {
  readonly map: string;
  readonly installedFrom?: string;
  readonly installedTo?: string;
  readonly removedFrom?: string;
  readonly removedTo?: string;
  readonly manufacturer?: string;
  readonly deviceStatus?: string;
  readonly supplier?: string;
  readonly asAt?: string;
  readonly as?: string;
  readonly csv?: string;
  readonly limit: string;
  readonly reveal?: boolean;
}

/** `concord report map|users|runs`: what meter asset providers may see of their assets, who may, and who did. */
export function reportCommand(): Command {
  const report = new Command('report').description('reports for meter asset providers (MAPs)');
  withCommonOptions(
    report
      .command('map')
      .description('the assets of a MAP, with every column of SECMP0011, Table 1')
      .requiredOption('--map <mpid>', 'whose assets: the MAP that the user of the report is registered as'),
  )
    .option('--installed-from <date>', 'installed on or after this date')
    .option('--installed-to <date>', 'installed on or before this date')
    .option('--removed-from <date>', 'removed on or after this date')
    .option('--removed-to <date>', 'removed on or before this date')
    .option('--manufacturer <name>', 'of this manufacturer')
    .option('--device-status <status>', 'in this status, such as Commissioned')
    .option('--supplier <mpid>', 'supplied by this supplier; only where the supplier is shown to the MAP')
    .option('--as-at <date>', 'with MAP and supplier as at this date (default: today)')
    .option('--as <role>', 'as this user of the metering database, with PGPASSWORD or ~/.pgpass (default: report.url)')
    .option('--csv <file>', 'write it to a file of comma-separated values')
    .option('--limit <rows>', 'show at most so many lines; files and --json have all', '100')
    .option('--reveal', 'show MPxN, postcode and UPRN unmasked; only where they are shown to the MAP')
    .action(reportMap);
  report.addCommand(reportUsersCommand());
  report.addCommand(reportRunsCommand());
  return report;
}

async function reportMap(options: MapOptions): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 0) {
    throw new UsageError(`--limit ${options.limit} is not a number of lines; give 0 or more.`);
  }
  const question = questionOf(options);
  const { run, lines } = await withDatabase(readerOf(settingsOf(options), options.as), 'concord report', (client) =>
    runMapReport(client, question),
  );
  if (options.csv !== undefined) {
    const rows = lines.map((line) => mapColumns.map(([item]) => textOf(line, item)));
    // Its lines may be personal data, and are nobody else's business.
    writeFileSync(options.csv, csvText([mapColumns.map(([, title]) => title), ...rows]), { mode: 0o600 });
  }
  if (options.json === true) printJson({ run, question, lines });
  else printLines(lines, limit, run, options.csv);
}

function printLines(lines: readonly MapLine[], limit: number, run: number, file: string | undefined): void {
  if (file === undefined) {
    printTable(
      mapColumns.map(([, title]) => title),
      lines.slice(0, limit).map((line) => mapColumns.map(([item]) => textOf(line, item))),
      'No asset matches.',
    );
    if (lines.length > limit)
      print(`… and ${lines.length - limit} more; --limit shows more, --csv and --json have all.`);
  }
  print(
    `\n${lines.length} asset${lines.length === 1 ? '' : 's'}${file === undefined ? '' : `, in ${file}`}. This is kept as run ${run}.`,
  );
}

function textOf(line: MapLine, item: keyof MapLine): string {
  const value = line[item];
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return value ?? '';
}

/** Whose rights the report has: never those of the store's owner. */
function readerOf({ report, metering }: Settings, role: string | undefined): DatabaseSettings {
  if (role !== undefined) {
    const url = new URL(metering.database.url);
    url.username = encodeURIComponent(role);
    url.password = '';
    return { ...metering.database, url: url.href };
  }
  if (report !== undefined) return report;
  throw new UsageError(
    'The report goes by the database user of a MAP, and none is given. Set report.url in the configuration, or give --as ROLE ' +
      'with its password in PGPASSWORD or ~/.pgpass. `concord report users list` shows an administrator who is registered.',
  );
}

function questionOf(options: MapOptions): MapQuestion {
  const { map, installedFrom, installedTo, removedFrom, removedTo, manufacturer, deviceStatus, supplier, asAt } =
    options;
  const dates = { installedFrom, installedTo, removedFrom, removedTo, asAt };
  for (const [name, text] of Object.entries(dates)) {
    if (text === undefined || isDay(text)) continue;
    const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`--${option} ${text} is not a date; write one such as 2026-04-01.`);
  }
  return { map, ...dates, manufacturer, deviceStatus, supplier, reveal: options.reveal === true };
}

function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}
