import { setPause, slotCost, type SlotCost } from '../connectors/source/side-pause.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { untilInterrupted } from './interruption.ts';
import { print, printJson, UsageError } from './output.ts';
import type { Settings } from './settings.ts';
import type { SideName } from './sides/side.ts';

const lookEveryMs = 200;
/** A process that runs looks every second, and lets go of its slot in order. */
const doneWithinMs = 15_000;

/** `concord pause|resume registration|metering`: both connectors of the side; its slot keeps WAL meanwhile. */
export async function pauseSide(
  settings: Settings,
  side: SideName,
  paused: boolean,
  { json, detach }: { readonly json: boolean; readonly detach: boolean },
): Promise<void> {
  const { name, slot, database } = settings[side];
  const interruption = untilInterrupted();
  await withDatabase(database, 'concord pause', async (client) => {
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('concord.side_pause') IS NOT NULL AS there`,
    );
    if (rows[0]?.there !== true) throw new UsageError('The database is not prepared for it yet. Run `concord init`.');
    await setPause(client, name, paused);
    const begin = monotonicMs();
    let cost = await slotCost(client, slot);
    while (!detach && cost?.active === paused && !interruption.aborted && monotonicMs() - begin < doneWithinMs) {
      await pause(lookEveryMs, interruption);
      cost = await slotCost(client, slot);
    }
    if (json) printJson({ side, paused, slot, ...cost });
    else print(tell(side, paused, cost));
  });
}

function tell(side: SideName, paused: boolean, cost: SlotCost | null): string {
  if (!paused) {
    return cost?.active === true
      ? `The ${side} side goes on where it was: what was changed meanwhile is read from the WAL that was kept.`
      : `The ${side} side may go on, but its process does not stream yet: it does not run, or is just starting. \`concord status\` says which.`;
  }
  const wal = cost === null ? '' : ` It keeps ${mebibytes(cost.retainedBytes)} of WAL now, ${limitOf(cost)}.`;
  const taken = cost?.active === true ? ' Its process has not let go of the slot yet.' : '';
  return `The ${side} side is paused, over restarts too: nothing is published or taken in.${taken} From here on its slot makes the database keep all WAL.${wal} \`concord status\` shows how it grows, \`concord resume ${side}\` goes on.`;
}

function limitOf({ safeBytes }: SlotCost): string {
  return safeBytes === null
    ? 'and max_slot_wal_keep_size sets no limit: the disk does'
    : `and after ${mebibytes(safeBytes)} more the server gives the slot up (max_slot_wal_keep_size): a gap`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toLocaleString('en-GB', { maximumFractionDigits: 1 })} MiB`;
}
