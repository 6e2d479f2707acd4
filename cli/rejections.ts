import { Command, Option } from 'commander';
import { maskMpan } from '../runtime/mask.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, printTable, UsageError } from './output.ts';

interface RejectionRow {
  rejection_id: string;
  mpan_core: string | null;
  record_type: string;
  flow: number;
  entity: string;
  entity_key: string;
  lsn: string;
  rule_codes: string[];
  details: readonly { code: string; item: string | null; text: string }[];
  receiver: string;
  status: string;
  raised_at: Date;
  resolved_at: Date | null;
}

// The columns of the contract and no others: what the store keeps besides may hold an MPAN core.
const columns = `rejection_id, mpan_core, record_type, flow, entity, entity_key, source, generation, lsn, ordinal, revision,
  rule_codes, details, reference_version, receiver, status, raised_at, resolved_by_generation, resolved_by_lsn, resolved_at,
  acknowledged_by, note`;

interface ListOptions extends CommonOptions {
  readonly mpan?: string;
  readonly rule?: string;
  readonly status: string;
  readonly olderThan?: string;
  readonly side: 'metering' | 'registration';
  readonly limit: string;
  readonly reveal?: boolean;
}

/** `concord rejections list|show`: flow 3 as the metering side keeps it, or as the registration side received it. */
export function rejectionsCommand(): Command {
  const command = new Command('rejections').description('rejections and errors of flow 3');
  withCommonOptions(command.command('list', { isDefault: true }).description('list rejections, newest first'))
    .option('--mpan <mpan>', 'of one metering point')
    .option('--rule <code>', 'that broke this rule')
    .addOption(
      new Option('--status <status>', 'which ones').choices(['open', 'resolved', 'withdrawn', 'all']).default('open'),
    )
    .option('--older-than <interval>', 'raised longer ago than this, such as "2 days"')
    .addOption(new Option('--side <side>', 'whose view').choices(['metering', 'registration']).default('metering'))
    .option('--limit <rows>', 'at most so many', '50')
    .option('--reveal', 'show MPAN cores unmasked')
    .action(list);
  withCommonOptions(
    command
      .command('show')
      .description('one rejection with every broken rule')
      .argument('<id>', 'the rejection_id, or the beginning of it'),
  )
    .addOption(new Option('--side <side>', 'whose view').choices(['metering', 'registration']).default('metering'))
    .option('--reveal', 'show MPAN cores unmasked')
    .action(show);
  return command;
}

async function list(options: ListOptions): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw new UsageError(`--limit ${options.limit} is not a number of rows; give 1 or more.`);
  const rows = await query(
    options,
    `WHERE ($1::text IS NULL OR mpan_core = $1) AND ($2::text IS NULL OR $2 = ANY (rule_codes)) AND ($3 = 'all' OR status = $3)
       AND ($4::interval IS NULL OR raised_at < now() - $4::interval)
     ORDER BY raised_at DESC, lsn DESC, ordinal DESC LIMIT $5`,
    [options.mpan ?? null, options.rule?.toUpperCase() ?? null, options.status, options.olderThan ?? null, limit],
  );
  if (options.json === true) {
    printJson(rows.map((row) => masked(row, options.reveal === true)));
    return;
  }
  printTable(
    ['id', 'raised', 'type', 'flow', 'MPAN core', 'entity', 'receiver', 'status', 'rules'],
    rows.map((row) => [
      row.rejection_id.slice(0, 8),
      row.raised_at.toISOString().slice(0, 19),
      row.record_type,
      String(row.flow),
      options.reveal === true ? row.mpan_core : maskMpan(row.mpan_core),
      row.entity,
      row.receiver,
      row.status,
      row.rule_codes.join(' '),
    ]),
    'No rejection matches.',
  );
}

async function show(id: string, options: ListOptions): Promise<void> {
  const rows = await query(options, 'WHERE rejection_id::text LIKE $1 ORDER BY raised_at LIMIT 2', [
    `${id.replace(/[%_]/g, '')}%`,
  ]);
  const row = rows[0];
  if (row === undefined)
    throw new UsageError(
      `No rejection has an id that begins with ${id}. \`concord rejections list --status all\` shows them.`,
    );
  if (rows.length > 1) throw new UsageError(`Several rejections begin with ${id}; give more of it.`);
  if (options.json === true) {
    printJson(masked(row, options.reveal === true));
    return;
  }
  const shown = options.reveal === true ? row.mpan_core : maskMpan(row.mpan_core);
  print(
    `${row.record_type} ${row.rejection_id} (${row.status}), flow ${row.flow}, raised ${row.raised_at.toISOString()} by ${row.receiver}`,
  );
  print(
    `metering point ${shown}, ${row.entity}${row.entity === 'metering_point' ? '' : ` ${row.entity_key}`}, event at LSN ${row.lsn}`,
  );
  for (const detail of row.details)
    print(`  ${detail.code}${detail.item === null ? '' : ` (${detail.item})`}: ${detail.text}`);
  print('`concord explain CODE` says what to do about a code.');
}

async function query(
  options: ListOptions,
  where: string,
  values: readonly unknown[],
): Promise<readonly RejectionRow[]> {
  const settings = settingsOf(options);
  const side = options.side === 'registration' ? settings.registration : settings.metering;
  const table = options.side === 'registration' ? 'inbox.rejection' : 'metering.rejection';
  return withDatabase(side.database, 'concord rejections', async (client) => {
    const { rows } = await client.query<RejectionRow>(`SELECT ${columns} FROM ${table} ${where}`, [...values]);
    process.exitCode = exit.done;
    return rows;
  });
}

function masked(row: RejectionRow, reveal: boolean): RejectionRow {
  if (reveal) return row;
  return {
    ...row,
    mpan_core: row.mpan_core === null ? null : maskMpan(row.mpan_core),
    entity_key: row.entity === 'metering_point' ? maskMpan(row.entity_key) : row.entity_key,
  };
}
