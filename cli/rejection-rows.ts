import { Option, type Command } from 'commander';
import pg from 'pg';
import { ruleOf, ruleBook } from '../connectors/metering/rules/rule-book.ts';
import { nearestOf } from '../connectors/metering/rules/suggestion.ts';
import { maskMpan } from '../runtime/mask.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { settingsOf, type CommonOptions } from './options.ts';
import { UsageError } from './output.ts';

export interface RejectionRow {
  readonly rejection_id: string;
  readonly mpan_core: string | null;
  readonly record_type: string;
  readonly flow: number;
  readonly entity: string;
  readonly entity_key: string;
  readonly source: string;
  readonly generation: number;
  readonly lsn: string;
  readonly ordinal: number;
  readonly revision: number;
  readonly rule_codes: readonly string[];
  readonly details: readonly { code: string; item: string | null; text: string }[];
  readonly reference_version: number | null;
  readonly receiver: string | null;
  readonly status: string;
  readonly raised_at: Date;
  readonly resolved_by_generation: number | null;
  readonly resolved_by_lsn: string | null;
  readonly resolved_at: Date | null;
  readonly acknowledged_by: string | null;
  readonly note: string | null;
}

// The columns of the contract and no others: what the store keeps besides may hold an MPAN core.
const columns = `rejection_id, mpan_core, record_type, flow, entity, entity_key, source, generation, lsn, ordinal, revision,
  rule_codes, details, reference_version, receiver, status, raised_at, resolved_by_generation, resolved_by_lsn, resolved_at,
  acknowledged_by, note`;

export interface RejectionOptions extends CommonOptions {
  readonly mpan?: string;
  readonly rule?: string;
  readonly status?: string;
  readonly olderThan?: string;
  readonly unacknowledged?: boolean;
  readonly side: 'metering' | 'registration';
  readonly limit: string;
  readonly reveal?: boolean;
}

/** The options by which rejections are chosen. `status`: which ones when nothing is said; `side`: whose, if that is not to be chosen. */
export function withRejectionOptions(command: Command, status: string, side?: RejectionOptions['side']): Command {
  const sides = side === undefined ? (['metering', 'registration'] as const) : [side];
  return command
    .option('--mpan <mpan>', 'of one metering point')
    .option('--rule <code>', 'that broke this rule')
    .addOption(
      new Option('--status <status>', 'which ones').choices(['open', 'resolved', 'withdrawn', 'all']).default(status),
    )
    .option('--older-than <interval>', 'raised longer ago than this, such as "2 days"')
    .option('--unacknowledged', 'that nobody has acknowledged')
    .addOption(
      new Option('--side <side>', 'whose view')
        .choices(sides)
        .default(side ?? 'metering')
        .hideHelp(side !== undefined),
    )
    .option('--limit <rows>', 'at most so many', '50')
    .option('--reveal', 'show MPAN cores unmasked');
}

/** The rejections that the options choose, newest first, as one side has them. `id`: a rejection_id or its beginning. */
export async function readRejections(options: RejectionOptions, id: string | null): Promise<readonly RejectionRow[]> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError(`--limit ${options.limit} is not a number of rows; give 1 or more.`);
  }
  const { registration, metering } = settingsOf(options);
  const [side, table] =
    options.side === 'registration' ? [registration, 'inbox.rejection'] : [metering, 'metering.rejection'];
  const values = [
    options.mpan ?? null,
    options.rule === undefined ? null : knownRule(options.rule),
    options.status ?? 'all',
    options.olderThan ?? null,
    id === null ? null : `${id.replace(/[%_]/g, '')}%`,
    limit,
    options.unacknowledged === true,
  ];
  const rows = await withDatabase(side.database, 'concord rejections', async (client) => {
    try {
      const found = await client.query<RejectionRow>(
        `SELECT ${columns} FROM ${table}
         WHERE ($1::text IS NULL OR mpan_core = $1) AND ($2::text IS NULL OR $2 = ANY (rule_codes)) AND ($3 = 'all' OR status = $3)
           AND ($4::interval IS NULL OR raised_at < now() - $4::interval) AND ($5::text IS NULL OR rejection_id::text LIKE $5)
           AND (NOT $7::boolean OR acknowledged_by IS NULL)
         ORDER BY raised_at DESC, lsn DESC, ordinal DESC, revision DESC LIMIT $6`,
        values,
      );
      return found.rows;
    } catch (error) {
      if (error instanceof pg.DatabaseError && (error.code === '22007' || error.code === '22008')) return null;
      throw error;
    }
  });
  if (rows === null) {
    throw new UsageError(`--older-than ${options.olderThan} is no length of time; give it as "2 days" or "36 hours".`);
  }
  return rows.map((row) => masked(row, options.reveal === true));
}

/** Those that somebody named: by an id, or by what they are about. Not none, and of an id not several. */
export async function chosenRejections(
  id: string | undefined,
  options: RejectionOptions,
): Promise<readonly RejectionRow[]> {
  if (id === undefined && options.mpan === undefined && options.rule === undefined && options.olderThan === undefined) {
    throw new UsageError(
      'Which ones? Give an id, or --mpan, --rule or --older-than. `concord rejections list` lists them.',
    );
  }
  const rows = await readRejections(options, id ?? null);
  if (rows.length === 0) {
    const which = id === undefined ? 'No rejection matches.' : `No rejection has an id that begins with ${id}.`;
    const side = options.side === 'registration' ? ' --side registration' : '';
    throw new UsageError(`${which} \`concord rejections list --status all${side}\` shows them.`);
  }
  if (id !== undefined && rows.length > 1)
    throw new UsageError(`Several rejections begin with ${id}; give more of it.`);
  return rows;
}

function knownRule(text: string): string {
  const code = text.toUpperCase();
  if (ruleOf(code) !== null) return code;
  const near = nearestOf(
    code,
    ruleBook.map((one) => one.code),
  );
  throw new UsageError(
    `There is no rule ${text}.${near === null ? '' : ` Did you mean ${near}?`} \`concord rules list\` lists them.`,
  );
}

function masked(row: RejectionRow, reveal: boolean): RejectionRow {
  if (reveal) return row;
  return {
    ...row,
    mpan_core: row.mpan_core === null ? null : maskMpan(row.mpan_core),
    entity_key: row.entity === 'metering_point' ? maskMpan(row.entity_key) : row.entity_key,
  };
}
