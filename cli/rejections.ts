import { Command } from 'commander';
import { ruleOf } from '../connectors/metering/rules/rule-book.ts';
import { withCommonOptions } from './options.ts';
import { print, printJson, printTable } from './output.ts';
import { acknowledgeCommand } from './rejections-acknowledge.ts';
import {
  chosenRejections,
  readRejections,
  type RejectionOptions,
  type RejectionRow,
  withRejectionOptions,
} from './rejection-rows.ts';

/**
 * `concord rejections list|show|acknowledge`: flow 3 as the metering side keeps it, or as the registration side received it,
 * and who has taken it up there.
 */
export function rejectionsCommand(): Command {
  const command = new Command('rejections').description('rejections and errors of flow 3');
  const listing = command.command('list', { isDefault: true }).description('list rejections, newest first');
  withRejectionOptions(withCommonOptions(listing), 'open').action(list);
  const showing = command
    .command('show')
    .description('rejections with every broken rule, what to do about it, and what became of them')
    .argument('[id]', 'a rejection_id or the beginning of one; without it, those that the options choose');
  withRejectionOptions(withCommonOptions(showing), 'all').action(show);
  command.addCommand(acknowledgeCommand());
  return command;
}

async function list(options: RejectionOptions): Promise<void> {
  const rows = await readRejections(options, null);
  if (options.json === true) {
    printJson(rows);
    return;
  }
  printTable(
    ['id', 'raised', 'type', 'flow', 'MPAN core', 'entity', 'receiver', 'status', 'rules', 'acknowledged by'],
    rows.map((row) => [
      row.rejection_id.slice(0, 8),
      row.raised_at.toISOString().slice(0, 19),
      row.record_type,
      String(row.flow),
      row.mpan_core,
      row.entity,
      row.receiver,
      row.status,
      row.rule_codes.join(' '),
      row.acknowledged_by,
    ]),
    options.status === 'all' ? 'No rejection matches.' : `No ${options.status ?? ''} rejection matches.`,
  );
  if (rows.length === Number(options.limit)) print(`\nThe newest ${options.limit}; --limit shows more.`);
  if (rows.length > 0)
    print('\n`concord rejections show ID` explains one; `show --mpan MPAN` all of a metering point.');
}

async function show(id: string | undefined, options: RejectionOptions): Promise<void> {
  const rows = await chosenRejections(id, options);
  if (options.json === true) {
    printJson(id === undefined ? rows : rows[0]);
    return;
  }
  for (const [index, row] of rows.entries()) {
    if (index > 0) print('');
    tell(row);
  }
}

function tell(row: RejectionRow): void {
  const renewed = row.revision > 1 ? `, renewed (revision ${row.revision})` : '';
  print(`${row.record_type} ${row.rejection_id}${renewed}`);
  print(`  raised      ${row.raised_at.toISOString()} by ${row.receiver ?? 'nobody in particular'}, flow ${row.flow}`);
  const key = row.entity === 'metering_point' ? '' : ` ${row.entity_key}`;
  print(`  about       metering point ${row.mpan_core ?? '(none)'}, ${row.entity}${key}`);
  print(`  event       ${row.source}, generation ${row.generation}, LSN ${row.lsn}, ordinal ${row.ordinal}`);
  print(`  reference   ${row.reference_version === null ? 'no version' : `version ${row.reference_version}`}`);
  print(`  status      ${fate(row)}`);
  if (row.acknowledged_by !== null) print(`  seen by     ${row.acknowledged_by}`);
  if (row.note !== null) print(`  note        ${row.note}`);
  for (const { code, item, text } of row.details) {
    print(`  ✗ ${code}${item === null ? '' : ` (${item})`}: ${text}`);
    const remedy = ruleOf(code)?.remedy;
    if (remedy !== undefined) print(`    → ${remedy}`);
  }
}

/** What became of it, in words. */
function fate(row: RejectionRow): string {
  const by = `generation ${row.resolved_by_generation ?? '?'}, LSN ${row.resolved_by_lsn ?? '?'}`;
  const at = row.resolved_at?.toISOString() ?? '?';
  switch (row.status) {
    case 'open':
      return 'open: a later good event of the same key resolves it';
    case 'resolved':
      return `resolved ${at} by a later good event, ${by}`;
    case 'withdrawn':
      return `withdrawn ${at}: newer reference data, or the metering point that was missing, gives another verdict, ${by}`;
    default:
      return row.status;
  }
}
