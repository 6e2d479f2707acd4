import { Command } from 'commander';
import { maskMpan } from '../runtime/mask.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { printJson, printTable } from './output.ts';

interface HeldRow {
  mpan_core: string | null;
  entity: string;
  entity_key: string;
  rule_codes: string[];
  held_since: Date;
  due: Date | null;
}

// The columns of the contract and no others: what the store keeps besides may hold an MPAN core.
const columns = 'mpan_core, entity, entity_key, source, generation, lsn, ordinal, rule_codes, held_since, due';

/** `concord held list`: what waits, for what, and until when. */
export function heldCommand(): Command {
  const command = new Command('held').description('events that wait for what may still arrive');
  withCommonOptions(command.command('list', { isDefault: true }).description('list held events, soonest due first'))
    .option('--limit <rows>', 'at most so many', '50')
    .option('--reveal', 'show MPAN cores unmasked')
    .action(async (options: CommonOptions & { limit: string; reveal?: boolean }) => {
      const settings = settingsOf(options);
      const rows = await withDatabase(settings.metering.database, 'concord held', async (client) => {
        const found = await client.query<HeldRow>(
          `SELECT ${columns} FROM metering.held ORDER BY due NULLS LAST, lsn, ordinal LIMIT $1`,
          [Number(options.limit)],
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
        ['MPAN core', 'entity', 'key', 'waits for', 'held since', 'due'],
        shown.map((row) => [
          row.mpan_core,
          row.entity,
          row.entity_key,
          row.rule_codes.join(' '),
          row.held_since.toISOString().slice(0, 19),
          row.due?.toISOString().slice(0, 19) ?? 'initial load',
        ]),
        'Nothing is held.',
      );
    });
  return command;
}
