import { Command } from 'commander';
import { formatLsn } from '../avro/position.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { print, printJson, printTable } from './output.ts';

interface ReceiptRow {
  receiver: string;
  source: string;
  lane: number;
  generation: number;
  through_lsn: string;
  counts: Readonly<Record<string, number>>;
  at: Date;
}

/** `concord receipts`: what each receiver has acknowledged, per lane, and through which LSN as a whole. */
export function receiptsCommand(): Command {
  return withCommonOptions(
    new Command('receipts').description('delivery receipts of both directions, as their senders received them'),
  ).action(async (options: CommonOptions) => {
    const settings = settingsOf(options);
    const flows12 = await readReceipts(settings.registration.database, 'inbox.receipt');
    const flow3 = await readReceipts(settings.metering.database, 'metering.receipt_inbox');
    const rows = [...flows12, ...flow3];
    if (options.json === true) {
      printJson({ receipts: rows, through: throughs(rows) });
      return;
    }
    printTable(
      ['receiver', 'source', 'lane', 'through LSN', 'at', 'counts'],
      rows.map((row) => [
        row.receiver,
        row.source,
        String(row.lane),
        formatLsn(Number(row.through_lsn)),
        row.at.toISOString().slice(0, 19),
        Object.entries(row.counts)
          .map(([outcome, events]) => `${outcome} ${events.toLocaleString('en-GB')}`)
          .join(', '),
      ]),
      'No receipt has arrived yet.',
    );
    print('');
    for (const { receiver, source, through } of throughs(rows)) {
      print(`${receiver} has everything of ${source} through ${formatLsn(through)}.`);
    }
  });
}

/** The smallest over the lanes: up to there nothing is outstanding. */
function throughs(rows: readonly ReceiptRow[]): readonly { receiver: string; source: string; through: number }[] {
  const smallest = new Map<string, { receiver: string; source: string; through: number }>();
  for (const row of rows) {
    const key = `${row.receiver}|${row.source}`;
    const through = Math.min(Number(row.through_lsn), smallest.get(key)?.through ?? Number.MAX_SAFE_INTEGER);
    smallest.set(key, { receiver: row.receiver, source: row.source, through });
  }
  return [...smallest.values()];
}

async function readReceipts(database: { url: string }, table: string): Promise<readonly ReceiptRow[]> {
  return withDatabase(database, 'concord receipts', async (client) => {
    const { rows } = await client.query<ReceiptRow>(
      `SELECT receiver, source, lane, generation, through_lsn, counts, at FROM ${table} ORDER BY receiver, source, lane`,
    );
    return rows;
  });
}
