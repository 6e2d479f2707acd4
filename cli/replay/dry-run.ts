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

/** So many keys are judged in one transaction: the live lane waits for it, some tenths of a second. */
const keysAtOnce = 2_000;

/**
 * Judges and applies the events to the live store as the sink would, in transactions that are rolled back. Each holds its
 * lane's row, as a batch of the sink does, so that neither can dead-lock the other; nothing is committed, whatever happens.
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
  const client = new pg.Client(clientConfigOf(settings.metering.database, 'concord replay dry run'));
  client.on('error', () => {});
  const watch = new SilenceWatch(clientConfigOf(settings.metering.database, 'concord replay watch'), [client]);
  try {
    await client.connect();
    await client.query(`SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'`);
    // Made outside, they outlast every transaction that is rolled back.
    await new VersionWriter().begin(client);
    const kept = await historyKeptFrom(client);
    const context: Context = { settings, references: events.references, loadCompleteAt, kept, tally };
    for await (const { lane, events: ofGroup, selected } of events.groups()) {
      for (const chunk of chunksOf(ofGroup.filter((event) => selected.has(event)))) {
        if (signal.aborted) break;
        await judgeChunk(client, lane, chunk, context);
        tell(pace.told('judging', tally.events));
      }
      if (signal.aborted) break;
    }
    return tally.counts(signal.aborted);
  } catch (error) {
    throw databaseFault(error);
  } finally {
    watch.stop();
    await endClient(client);
  }
}

/** All events of a key are in one chunk; rules look at nothing beyond it but reference data. */
function chunksOf(events: readonly LaneEvent[]): readonly (readonly LaneEvent[])[] {
  const chunkOf = new Map<string, number>();
  const chunks: LaneEvent[][] = [];
  for (const event of events) {
    const number = chunkOf.get(event.key) ?? Math.floor(chunkOf.size / keysAtOnce);
    chunkOf.set(event.key, number);
    const chunk = chunks[number] ?? [];
    chunks[number] = chunk;
    chunk.push(event);
  }
  return chunks;
}

interface Context {
  readonly settings: Settings;
  readonly references: readonly LaneEvent[];
  readonly loadCompleteAt: Position | null;
  /** Entity → from when on (epoch microseconds) the store has its history. */
  readonly kept: ReadonlyMap<string, number>;
  readonly tally: DryRunTally;
}

async function judgeChunk(
  client: pg.Client,
  lane: number,
  events: readonly LaneEvent[],
  { settings, references, loadCompleteAt, kept, tally }: Context,
): Promise<void> {
  const source = settings.registration.name;
  const keys = [...new Set(events.map(({ key }) => key))];
  await client.query('BEGIN');
  try {
    await client.query('SELECT FROM metering.applied_position WHERE source = $1 AND lane = $2 FOR UPDATE', [
      source,
      lane,
    ]);
    const before = await readKeyRows(client, keys);
    const newest = await newestPositions(client, keys, before);
    const fresh = events.filter((event) => {
      const name = nameOf(event, source);
      const known = newest.get(name);
      if (known === undefined && event.event.source.sourceTime < (kept.get(name.split('|')[0] ?? '') ?? 0)) {
        tally.forget();
        return false;
      }
      const order = known === undefined ? 1 : comparePositions(event.event.source, known);
      tally.see(order);
      // Of a key that is gone the store remembers only in history how new it was.
      return order > 0 || before.rows.has(name);
    });
    const domain = newDomain(settings, lane);
    const [first] = fresh;
    const last = fresh.at(-1);
    if (first !== undefined && last !== undefined) {
      const begin = first.event.source;
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
      // What has changed nothing needs no second look, and that is most of what is judged again.
      if (deltas.some(({ outcome, delta }) => outcome !== 'unchanged' && delta !== 0))
        tally.changes(before, await readKeyRows(client, keys));
    }
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

function nameOf({ topic, key, event }: LaneEvent, source: string): string {
  const entity = tableOfTopic(topic, source)?.entity ?? '';
  return `${entity}|${entity === 'appointment' ? String(event['appointment_id']) : key}`;
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
