import { Command } from 'commander';
import { nowMs } from '../runtime/clock.ts';
import { createLog } from '../runtime/log.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { reconciledTables } from '../reconcile/tables.ts';
import { topicsOf } from '../topics/catalogue.ts';
import { catalogueOf, decodersOf, kafkaOf, registryOf } from './connections.ts';
import { readBothRows, type RowPair } from './diff/both-rows.ts';
import { readEventsOf, type Wanted } from './diff/events.ts';
import { timelineOf } from './diff/outcome-of.ts';
import { type DiffView, type MeteringPointDiff, printDiff } from './diff/page.ts';
import { devicesInStore, readStoreFacts, type StoreFacts } from './diff/store-facts.ts';
import { untilInterrupted } from './interruption.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, printJson, UsageError } from './output.ts';
import type { Settings } from './settings.ts';
import { shown, shownKey } from './shown.ts';
import { parseTime } from './tail-range.ts';

interface DiffOptions extends CommonOptions {
  readonly events?: string;
  readonly all?: boolean;
  readonly since?: string;
  readonly reveal?: boolean;
}

/** `concord diff MPAN`: one metering point on both sides, with all its events and what became of them. */
export function diffCommand(): Command {
  return withCommonOptions(
    new Command('diff')
      .description('show what both sides hold of one metering point, and every event of it with its outcome')
      .argument('<mpan>', 'the MPAN core'),
  )
    .option('--all', 'show every item of every row and every event in full, not what fits on one screen')
    .option('--events <number>', 'so many of the newest events, or all (default: what fits on the screen)')
    .option(
      '--since <time>',
      'look at the topics from then on only, such as 30d or 2026-03-01: quicker where they are long',
    )
    .option('--reveal', 'show MPAN cores unmasked')
    .addHelpText('after', '\nExit code 0 when both sides agree, 3 when they do not.')
    .action(diff);
}

async function diff(mpan: string, options: DiffOptions): Promise<void> {
  const view = viewOf(options);
  const settings = settingsOf(options);
  const sinceMs = options.since === undefined ? null : parseTime(options.since, nowMs());
  const { rows, devices } = await rowsOf(settings, mpan);
  const { records, read } = await eventsOf(settings, mpan, devices, sinceMs, options.json !== true);
  const facts = await factsOf(settings, mpan, devices);
  const { services } = settings.metering.rules;
  const events = timelineOf(records, facts, { services: Object.values(services).flat() });
  const differs = rows.some(({ items }) => items.some((item) => item.differs));
  const found: MeteringPointDiff = {
    mpan,
    verdict: rows.length === 0 ? 'unknown' : differs ? 'differ' : 'agree',
    rows,
    events,
    eventsSince: sinceMs === null ? null : new Date(sinceMs).toISOString(),
    recordsRead: read,
  };
  const seen = masked(found, options.reveal === true);
  if (options.json === true) printJson(seen);
  else printDiff(seen, view);
  process.exitCode = found.verdict === 'agree' ? exit.done : exit.found;
}

/** A page that is not shown on a terminal is laid out for a usual one. */
function viewOf({ all, events }: DiffOptions): DiffView {
  const eventsMax = events === undefined ? null : events === 'all' ? Number.MAX_SAFE_INTEGER : Number(events);
  if (eventsMax !== null && !(eventsMax >= 1))
    throw new UsageError(`--events ${events} is neither a number of events nor all.`);
  const { columns, rows } = process.stdout.isTTY ? process.stdout : { columns: 80, rows: 40 };
  return { all: all === true, eventsMax, columns: Math.max(columns, 60), lines: rows };
}

async function rowsOf(
  settings: Settings,
  mpan: string,
): Promise<{ rows: readonly RowPair[]; devices: readonly string[] }> {
  const { name, tables: mapping, database } = settings.registration;
  const tables = reconciledTables(name, { tables: mapping }).filter(({ items }) =>
    items.some((item) => item.name === 'mpan_core'),
  );
  return withDatabase(database, 'concord diff', (registration) =>
    withDatabase(settings.metering.database, 'concord diff', async (metering) => {
      const rows = await readBothRows(registration, metering, tables, mpan);
      const assets = rows.filter(({ entity }) => entity === 'meter_asset').map(({ key }) => key);
      return { rows, devices: [...new Set([...assets, ...(await devicesInStore(metering, mpan))])] };
    }),
  );
}

async function eventsOf(
  settings: Settings,
  mpan: string,
  devices: readonly string[],
  sinceMs: number | null,
  mayTell: boolean,
): Promise<{ records: Awaited<ReturnType<typeof readEventsOf>>; read: number }> {
  const wanted = topicsOf(catalogueOf(settings), settings.registration.name, 'lane').flatMap((topic): Wanted[] => {
    if (topic.schema === 'receipt') return [];
    const keys = topic.schema === 'meter-asset' ? devices : [mpan];
    return keys.length === 0 ? [] : [{ topic, keys }];
  });
  const kafka = kafkaOf(settings, 'diff', createLog('diff', 'error'));
  const registry = registryOf(settings);
  let read = 0;
  const isSeen = mayTell && process.stderr.isTTY;
  try {
    const tell = (done: number, of: number): void => {
      read = done;
      if (isSeen && of > 100_000)
        process.stderr.write(`\r${done.toLocaleString('en-GB')} of ${of.toLocaleString('en-GB')} records`);
    };
    const { event } = decodersOf(settings, registry);
    const interruption = untilInterrupted();
    const records = await readEventsOf(kafka, event, wanted, sinceMs, tell, interruption);
    if (isSeen) process.stderr.write('\r\u001B[K');
    return { records, read };
  } finally {
    registry.close();
  }
}

/** Read after the topics, so that an event that was read there can only look on its way, not lost. */
function factsOf(settings: Settings, mpan: string, devices: readonly string[]): Promise<StoreFacts> {
  const { meteringService } = settings.metering.rules.roles;
  return withDatabase(settings.metering.database, 'concord diff', (client) =>
    readStoreFacts(client, settings.registration.name, meteringService, mpan, devices),
  );
}

function masked(found: MeteringPointDiff, reveal: boolean): MeteringPointDiff {
  return {
    ...shown(found, reveal),
    mpan: shownKey(found.mpan, true, reveal) ?? '',
    rows: found.rows.map((row) => ({
      ...row,
      key: shownKey(row.key, row.entity === 'metering_point', reveal) ?? '',
      items: row.items.map((item) => ({
        ...item,
        registration: shownKey(item.registration, item.name === 'mpan_core', reveal),
        metering: shownKey(item.metering, item.name === 'mpan_core', reveal),
      })),
    })),
    events: found.events.map((entry) => ({
      ...shown(entry, reveal),
      key: shownKey(entry.key, entry.entity === 'metering_point', reveal) ?? '',
    })),
  };
}
