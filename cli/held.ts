import { Command } from 'commander';
import { maskMpan } from '../runtime/mask.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { print, printJson, printTable, UsageError } from './output.ts';

interface HeldRow {
  readonly mpan_core: string | null;
  readonly entity: string;
  readonly entity_key: string;
  readonly source: string;
  readonly generation: number;
  readonly lsn: string;
  readonly ordinal: number;
  readonly rule_codes: readonly string[];
  readonly held_since: Date;
  readonly due: Date | null;
  readonly details: readonly { code: string; item: string | null; text: string }[];
}

interface HeldOptions extends CommonOptions {
  readonly limit: string;
  readonly mpan?: string;
  readonly rule?: string;
  readonly reveal?: boolean;
}

// The columns of the contract and what it waits for, and no others: what the store keeps besides may hold an MPAN core.
const columns = 'mpan_core, entity, entity_key, source, generation, lsn, ordinal, rule_codes, held_since, due, details';

/** `concord held list`: what waits, for what, and until when. */
export function heldCommand(): Command {
  const command = new Command('held').description('events that wait for what may still arrive');
  withCommonOptions(command.command('list', { isDefault: true }).description('list held events, soonest due first'))
    .option('--mpan <mpan>', 'of one metering point')
    .option('--rule <code>', 'that wait for this rule')
    .option('--limit <rows>', 'at most so many', '50')
    .option('--reveal', 'show MPAN cores unmasked')
    .action(list);
  return command;
}

async function list(options: HeldOptions): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError(`--limit ${options.limit} is not a number of rows; give 1 or more.`);
  }
  const { metering } = settingsOf(options);
  const rows = await withDatabase(metering.database, 'concord held', async (client) => {
    const found = await client.query<HeldRow>(
      `SELECT ${columns} FROM metering.held
       WHERE ($1::text IS NULL OR mpan_core = $1) AND ($2::text IS NULL OR $2 = ANY (rule_codes))
       ORDER BY due NULLS LAST, lsn, ordinal LIMIT $3`,
      [options.mpan ?? null, options.rule?.toUpperCase() ?? null, limit],
    );
    return found.rows;
  });
  const mask = (text: string | null): string | null =>
    options.reveal === true || text === null ? text : maskMpan(text);
  const shown = rows.map((row) => ({
    ...row,
    mpan_core: mask(row.mpan_core),
    entity_key: row.entity === 'metering_point' ? mask(row.entity_key) : row.entity_key,
  }));
  if (options.json === true) {
    printJson(shown);
    return;
  }
  printTable(
    ['MPAN core', 'entity', 'key', 'waits for', 'held since', 'becomes an error', 'because'],
    shown.map((row) => [
      row.mpan_core,
      row.entity,
      row.entity_key,
      row.rule_codes.join(' '),
      row.held_since.toISOString().slice(0, 19),
      row.due === null ? 'not while loading' : row.due.toISOString().slice(0, 19),
      row.due === null ? 'the initial load is not complete' : (row.details[0]?.text ?? ''),
    ]),
    'Nothing is held.',
  );
  if (shown.length > 0) {
    print(
      '\nEach is judged again when what it waits for arrives. Times are source time, in UTC; `concord explain CODE` says more.',
    );
  }
}
