import pg from 'pg';
import { comparePositions, type Position } from '../../avro/position.ts';
import { createMeteringDomain } from '../../connectors/metering/domain.ts';
import { tableOfTopic } from '../../connectors/metering/entities.ts';
import { VersionWriter } from '../../connectors/metering/write.ts';
import type { LaneDomain, LaneEvent, LaneMoment, Unit } from '../../connectors/sink/contract.ts';
import { createLog } from '../../runtime/log.ts';
import { clientConfigOf, databaseFault, endClient } from '../../runtime/postgres.ts';
import { SilenceWatch } from '../../runtime/silence-watch.ts';
import type { Settings } from '../settings.ts';
import { Pace } from './pace.ts';
import { DryRunTally, type DryRunCounts } from './dry-run-tally.ts';
import { newestPositions, readKeyRows } from './key-rows.ts';
import type { SelectedEvents } from './selected-events.ts';
import type { SpooledRecord } from './spool.ts';

/** So many keys are judged in one transaction: the live lane waits for it, some tenths of a second. */
const keysAtOnce = 2_000;
/** Groups that are looked at side by side: one waits for the database while another is looked at. */
const sessionsMax = 3;

/**
 * Judges and applies the events to the live store as the sink would, in transactions that are rolled back; nothing is
 * committed, whatever happens. What the store has already had of a key, its positions say without a transaction, and that is
 * nearly everything. The rest is judged while its lane's row is held, as a batch of the sink does, so that neither can
 * dead-lock the other.
 */
export async function dryRun(
  settings: Settings,
  events: SelectedEvents,
  loadCompleteAt: Position | null,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<DryRunCounts> {
  const tally = new DryRunTally();
  const pace = new Pace(events.count);
  const groups = events.recordGroups();
  const context = { settings, selected: events, loadCompleteAt, tally };
  const work = async (client: pg.Client): Promise<void> => {
    const judging = { ...context, client, kept: await historyKeptFrom(client) };
    // Each takes the next group when it is done with one: the reading of a group waits for nobody else's.
    for await (const { lane, records } of groups) {
      for (const chunk of chunksOf(records)) {
        if (signal.aborted) return;
        await judgeChunk(judging, lane, chunk);
        tell(pace.told('judging', tally.events));
      }
    }
  };
  const sessions = Math.min(sessionsMax, settings.kafka.partitions);
  const ended = await Promise.allSettled(Array.from({ length: sessions }, () => withSession(settings, work)));
  for (const one of ended) if (one.status === 'rejected') throw databaseFault(one.reason);
  return tally.counts(signal.aborted);
}

async function withSession(settings: Settings, act: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client(clientConfigOf(settings.metering.database, 'concord replay dry run'));
  client.on('error', () => {});
  const watch = new SilenceWatch(clientConfigOf(settings.metering.database, 'concord replay watch'), [client]);
  try {
    await client.connect();
    await client.query(`SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'`);
    // Made outside, they outlast every transaction that is rolled back.
    await new VersionWriter().begin(client);
    await act(client);
  } finally {
    watch.stop();
    await endClient(client);
  }
}

/** All events of a key are in one chunk; rules look at nothing beyond it but reference data. */
function chunksOf(records: readonly SpooledRecord[]): readonly (readonly SpooledRecord[])[] {
  const chunkOf = new Map<string, number>();
  const chunks: SpooledRecord[][] = [];
  for (const record of records) {
    const number = chunkOf.get(record.key) ?? Math.floor(chunkOf.size / keysAtOnce);
    chunkOf.set(record.key, number);
    const chunk = chunks[number] ?? [];
    chunks[number] = chunk;
    chunk.push(record);
  }
  return chunks;
}

interface Judging {
  readonly settings: Settings;
  readonly selected: SelectedEvents;
  readonly loadCompleteAt: Position | null;
  readonly tally: DryRunTally;
  readonly client: pg.Client;
  /** Entity → from when on (epoch microseconds) the store has its history. */
  readonly kept: ReadonlyMap<string, number>;
}

/** How a record stands to what the store has had of its key. */
interface Placed {
  readonly record: SpooledRecord;
  readonly order: number;
  readonly isForgotten: boolean;
  readonly hasRow: boolean;
}

async function judgeChunk(judging: Judging, lane: number, records: readonly SpooledRecord[]): Promise<void> {
  const known = await placesOf(judging, records);
  const news = new Set(known.filter(isNew).map(({ record }) => record.key));
  // Of a key with something new, all of it: whatever the store has had of it by the time its lane is held.
  for (const one of known) if (!news.has(one.record.key)) see(judging, one);
  const fresh = records.filter(({ key }) => news.has(key));
  if (fresh.length > 0) await judgeFresh(judging, lane, fresh);
}

function isNew({ order, isForgotten }: Placed): boolean {
  return order > 0 && !isForgotten;
}

function see({ tally }: Judging, { record, order, isForgotten, hasRow }: Placed): void {
  if (isForgotten) tally.forget();
  else tally.see(order);
  // Of a key that is gone the store remembers only in history how new it was.
  if (!isForgotten && order <= 0 && hasRow) tally.outcomes([{ topic: record.topic, outcome: 'unchanged', delta: 1 }]);
}

async function placesOf({ client, settings, kept }: Judging, records: readonly SpooledRecord[]): Promise<Placed[]> {
  const source = settings.registration.name;
  const names = records.map((record) => nameOf(record, source));
  const newest = await newestPositions(client, records, names);
  return records.map((record, at) => {
    const name = names[at] ?? '';
    const known = newest.get(name);
    const isForgotten = known === undefined && record.sourceTime < (kept.get(name.split('|')[0] ?? '') ?? 0);
    const order = known === undefined ? 1 : comparePositions(record.position, known.position);
    return { record, order, isForgotten, hasRow: known?.hasRow ?? false };
  });
}

async function judgeFresh(judging: Judging, lane: number, records: readonly SpooledRecord[]): Promise<void> {
  const { client, settings, selected, loadCompleteAt, tally } = judging;
  const source = settings.registration.name;
  const { references } = selected;
  await client.query('BEGIN');
  try {
    await client.query('SELECT FROM metering.applied_position WHERE source = $1 AND lane = $2 FOR UPDATE', [
      source,
      lane,
    ]);
    const placed = await placesOf(judging, records);
    for (const one of placed) see(judging, one);
    const fresh = selected.decoded(placed.filter(isNew).map(({ record }) => record));
    const [first] = fresh;
    const last = fresh.at(-1);
    if (first === undefined || last === undefined) return;
    const keys = [...new Set(fresh.map(({ key }) => key))];
    const before = await readKeyRows(client, keys);
    const begin = first.event.source;
    const domain = newDomain(settings, lane);
    await domain.prime(
      client,
      references.filter(({ event }) => comparePositions(event.source, begin) <= 0),
    );
    const between = references.filter(
      ({ event }) =>
        comparePositions(event.source, begin) > 0 && comparePositions(event.source, last.event.source) <= 0,
    );
    const moment: LaneMoment = {
      source,
      lane,
      through: last.event.source,
      sourceTime: last.event.source.sourceTime,
      loadCompleteAt,
    };
    const deltas = await domain.apply(client, unitsOf([...fresh, ...between]), moment);
    tally.outcomes(deltas.filter(({ topic }) => !references.some((one) => one.topic === topic)));
    // What has changed nothing needs no second look.
    if (deltas.some(({ outcome, delta }) => outcome !== 'unchanged' && delta !== 0))
      tally.changes(before, await readKeyRows(client, keys));
  } finally {
    await client.query('ROLLBACK');
  }
}

function newDomain(settings: Settings, lane: number): LaneDomain {
  const { registration, metering, kafka } = settings;
  return createMeteringDomain(
    { source: registration.name, partitions: kafka.partitions, ruleParameters: metering.rules },
    { log: createLog('replay', 'fatal') },
  )(lane);
}

function nameOf({ topic, rowKey }: SpooledRecord, source: string): string {
  return `${tableOfTopic(topic, source)?.entity ?? ''}|${rowKey}`;
}

/** Source transactions, in order; reference data of a transaction first. */
function unitsOf(events: LaneEvent[]): readonly Unit[] {
  const units: (Unit & { readonly events: LaneEvent[] })[] = [];
  for (const event of events.sort((a, b) => comparePositions(a.event.source, b.event.source))) {
    const { generation, lsn } = event.event.source;
    const open = units.at(-1);
    if (open?.generation === generation && open.lsn === lsn) open.events.push(event);
    else units.push({ generation, lsn, events: [event] });
  }
  return units;
}

async function historyKeptFrom(client: pg.Client): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ entity: string; since: string }>(
    'SELECT entity, (extract(epoch FROM since) * 1000000)::bigint AS since FROM metering.history_kept_from',
  );
  return new Map(rows.map(({ entity, since }) => [entity, Number(since)]));
}
