import type { Point } from './point.ts';
import type { ReconcileSettings } from './settings.ts';
import { SnapshotSessions } from './sessions.ts';
import { readColumnTypes, SourceSide } from './source-side.ts';
import { type ReconciledTable, reconciledTables } from './tables.ts';

/** How each table of the registration database is read at the point. */
export async function sourceSides(
  settings: ReconcileSettings,
  tables: readonly ReconciledTable[],
  { sessions }: Point,
): Promise<readonly SourceSide[]> {
  const participants = reconciledTables(settings.source, settings.mapping).find(
    ({ entity }) => entity === 'participant',
  );
  if (participants === undefined) throw new RangeError('participants are not routed');
  const known = await everMeteringServices(settings);
  const notOurs = { played: settings.played, meteringService: settings.meteringService, known, participants };
  const sides: SourceSide[] = [];
  for (const table of tables) {
    sides.push(new SourceSide(table, await readColumnTypes(sessions.first, table), notOurs));
  }
  return sides;
}

/** An appointment was judged by what was known then, which may have gone since. */
async function everMeteringServices({
  metering,
  source,
  meteringService,
  patienceMs,
}: ReconcileSettings): Promise<readonly string[]> {
  const sessions = await SnapshotSessions.open(metering, 1, [], 0, patienceMs);
  try {
    const { rows } = await sessions.first.query<{ mpid: string }>(
      `SELECT DISTINCT mpid FROM (SELECT mpid, role, source FROM metering.participant
         UNION ALL SELECT mpid, role, source FROM metering.participant_history) p
       WHERE role = $1 AND source = $2 AND mpid IS NOT NULL`,
      [meteringService, source],
    );
    return rows.map(({ mpid }) => mpid);
  } finally {
    await sessions.close();
  }
}
