import pg from 'pg';
import { endClient } from '../../runtime/postgres.ts';
import { parseLsn } from '../../avro/position.ts';

/** Up to `endLsn` a timeline belongs to the history of the server; from there on another one does. */
export interface TimelineSwitch {
  readonly timeline: number;
  readonly endLsn: number;
}

/** The history of a timeline, which the server tells on a replication connection. */
export async function readTimelineSwitches(
  database: pg.ClientConfig,
  timeline: number,
): Promise<readonly TimelineSwitch[]> {
  const replication = { ...database, replication: 'database' };
  const client = new pg.Client(replication);
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ content: string | Buffer }>(`TIMELINE_HISTORY ${timeline}`);
    return parseTimelineHistory(String(rows[0]?.content ?? ''));
  } finally {
    await endClient(client);
  }
}

/** Lines of timeline, LSN and reason; comments begin with `#`. */
export function parseTimelineHistory(text: string): readonly TimelineSwitch[] {
  return text.split('\n').flatMap((line) => {
    const [timeline = '', lsn = ''] = line.trim().split(/\s+/);
    return /^\d+$/.test(timeline) ? [{ timeline: Number(timeline), endLsn: parseLsn(lsn) }] : [];
  });
}
