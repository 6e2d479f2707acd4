import pg from 'pg';
import type { Logger } from 'pino';
import { pause } from '../../runtime/clock.ts';
import type { SourceSettings, TableRoute } from './contract.ts';
import { TableEvolves } from './evolution.ts';
import type { SourceFinding } from './finding.ts';
import { keyNote, readKeys, readSilentPartitions } from './key-judgement.ts';
import { findingsOfTables } from './preflight.ts';
import type { SourceReport } from './report.ts';
import { readRewrittenAgain, tellRewritten } from './rewritten-tables.ts';
import { tableName } from './route-columns.ts';
import type { ShapeNote } from './shape-judgement.ts';

export interface TableWatchParts {
  readonly database: pg.ClientConfig;
  readonly settings: SourceSettings;
  readonly report: SourceReport;
  readonly log: Logger;
  /** Looks at mirrored tables; throws `TableEvolves` for one whose schema may follow. */
  readonly lookAtMirrors: LookAtMirrors;
  /** Parks the table between two source transactions. */
  readonly park: (route: TableRoute, note: ShapeNote) => void;
}

/** Answers with the mirrored tables that can not be read yet. */
export type LookAtMirrors = (client: pg.Client) => Promise<readonly SourceFinding[]>;

const lookEveryMs = 2_000;
/** What only people can act on is looked for less often: it asks several questions for each table. */
const looksPerFinding = 3;

/**
 * Looks, while the source runs, at what nobody tells it: a table that was altered and not written to since, one that
 * was made and published, a partition without a replica identity. What people must act on is in the report and, once,
 * in the log.
 */
export async function watchTables(parts: TableWatchParts, signal: AbortSignal): Promise<void> {
  const told = new Set<string>();
  while (!signal.aborted) {
    const client = new pg.Client({ ...parts.database, application_name: 'concord source watch' });
    client.on('error', () => {});
    const stop = (): void => void client.end().catch(() => {});
    signal.addEventListener('abort', stop, { once: true });
    try {
      await client.connect();
      // Whoever has locked a table for himself must not keep us from looking at the others.
      await client.query(`SET lock_timeout = '5s'`);
      for (let round = 0; !signal.aborted; round += 1) {
        for (const one of await readRewrittenAgain(client, parts.settings)) parts.log.warn(one, tellRewritten(one));
        const waiting = await parts.lookAtMirrors(client);
        await parkByKey(parts, client);
        if (round % looksPerFinding === 0) await find(parts, client, waiting, told);
        await pause(lookEveryMs, signal);
      }
    } catch (error) {
      if (error instanceof TableEvolves) throw error;
      // A server that is away is told by those who can not go on without it.
      await pause(lookEveryMs, signal);
    } finally {
      signal.removeEventListener('abort', stop);
      await client.end().catch(() => {});
    }
  }
}

/** With a full replica identity the stream does not say what the key is; and a table may not be written to for long. */
async function parkByKey({ settings, park }: TableWatchParts, client: pg.Client): Promise<void> {
  const keys = await readKeys(client, settings.routes);
  const silent = await readSilentPartitions(client, settings.routes);
  for (const route of settings.routes) {
    const key = keys.get(tableName(route));
    const note = (key === undefined ? null : keyNote(route, key)) ?? silent.get(tableName(route)) ?? null;
    if (note !== null) park(route, note);
  }
}

async function find(
  { settings, report, log }: TableWatchParts,
  client: pg.Client,
  waiting: readonly SourceFinding[],
  told: Set<string>,
): Promise<void> {
  report.findings = [...waiting, ...(await findingsOfTables(client, settings, report.parked))];
  for (const { code, text, remedy } of report.findings) {
    if (!told.has(text)) log.warn({ code }, `${text} ${remedy}`);
    told.add(text);
  }
}
