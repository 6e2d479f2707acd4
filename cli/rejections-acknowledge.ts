import { Command } from 'commander';
import { withDatabase } from '../runtime/postgres.ts';
import { userName } from '../runtime/user-name.ts';
import { settingsOf, withCommonOptions } from './options.ts';
import { print, printJson } from './output.ts';
import { chosenRejections, type RejectionOptions, withRejectionOptions } from './rejection-rows.ts';

interface AcknowledgeOptions extends RejectionOptions {
  readonly by?: string;
  readonly note?: string;
}

/** `concord rejections acknowledge`: somebody of the registration side has seen it, and sees to it. */
export function acknowledgeCommand(): Command {
  const command = new Command('acknowledge')
    .description('say that somebody of the registration side has taken them up: in its inbox, nothing else changes')
    .argument('[id]', 'a rejection_id or the beginning of one; without it, those that the options choose')
    .option('--by <name>', 'who; without it, the name of the user who runs this')
    .option('--note <text>', 'what is done about it');
  return withRejectionOptions(withCommonOptions(command), 'open', 'registration').action(acknowledge);
}

async function acknowledge(id: string | undefined, options: AcknowledgeOptions): Promise<void> {
  const rows = await chosenRejections(id, {
    ...options,
    status: id === undefined ? (options.status ?? 'open') : 'all',
  });
  const by = options.by ?? userName();
  const { registration } = settingsOf(options);
  const done = await withDatabase(registration.database, 'concord rejections', async (client) => {
    const { rows: taken } = await client.query<{ id: string }>(
      `UPDATE inbox.rejection SET acknowledged_by = $2, note = coalesce($3, note)
       WHERE rejection_id = ANY ($1::uuid[]) AND acknowledged_by IS NULL RETURNING rejection_id::text AS id`,
      [rows.map((row) => row.rejection_id), by, options.note ?? null],
    );
    return new Set(taken.map((row) => row.id));
  });
  const before = rows.filter((row) => !done.has(row.rejection_id));
  if (options.json === true) {
    printJson({
      by,
      acknowledged: [...done],
      before: before.map(({ rejection_id: known, acknowledged_by: whom }) => ({ rejection_id: known, by: whom })),
    });
    return;
  }
  print(`${by} has acknowledged ${done.size} of ${rows.length} rejection${rows.length === 1 ? '' : 's'}.`);
  for (const row of before)
    print(
      `  ${row.rejection_id.slice(0, 8)} was acknowledged before, by ${row.acknowledged_by ?? 'somebody else just now'}.`,
    );
  if (rows.length === Number(options.limit))
    print(`These are the newest ${options.limit}; --limit takes more at once.`);
}
