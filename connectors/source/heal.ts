import pg from 'pg';
import { parseLsn } from '../../avro/position.ts';
import type { ProgressRecord } from '../../avro/progress.ts';
import type { RecordSchema } from '../../avro/schemas.ts';
import { nowMicros } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/fault.ts';
import { databaseFault, endClient } from '../../runtime/postgres.ts';
import type { NextOffsets, TransactionalPublisher } from '../../topics/contract.ts';
import { Batch } from './batch.ts';
import type { SourceSettings } from './contract.ts';
import { resumeFrom } from './gap.ts';
import { goneRows, goneTuple } from './gone-rows.ts';
import { routeColumns, tableName } from './route-columns.ts';
import { readServerState, type ServerState } from './server-state.ts';
import { readingSession } from './session.ts';
import { makeSlot, setUpSource } from './setup.ts';
import { BlockPool } from './slab.ts';
import { TableWriter } from './table-writer.ts';
import { TopicPlaces } from './topic-places.ts';
import { partitionsOf } from './topic-partitions.ts';

export interface HealParts {
  readonly database: pg.ClientConfig;
  readonly openPublisher: () => Promise<TransactionalPublisher>;
  readonly readProgress: () => Promise<ProgressRecord | null>;
  readonly encodeProgress: (record: ProgressRecord) => Buffer;
  readonly schemaOf: (topic: string) => RecordSchema;
  readonly schemaIdOf: (topic: string) => number;
  /** Shows every event of the topics to `places`, and resolves with the offsets where they end. */
  readonly readTopics: (places: TopicPlaces) => Promise<NextOffsets>;
}

export interface Healing {
  readonly cause: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly generation: number;
  /** Table → rows that receivers have and the database has not. */
  readonly deletes: Readonly<Record<string, number>>;
}

/** What keeps the source from going on; null if nothing does. */
export async function findGap(settings: SourceSettings, parts: HealParts): Promise<Fault | null> {
  const server = await readServerState(parts.database, settings);
  return gapOf(await parts.readProgress(), server, settings);
}

function gapOf(progress: ProgressRecord | null, server: ServerState, settings: SourceSettings): Fault | null {
  try {
    resumeFrom(progress, server, settings);
    return null;
  } catch (error) {
    if (error instanceof Fault && error.kind === 'gap') return error;
    throw error;
  }
}

/**
 * Begins a new generation after a gap: a new slot, then, in one Kafka transaction, a delete for every row that
 * receivers have and the database has not, the gap record, and a progress record from which the source loads all
 * tables again. Killed anywhere before the commit, it has healed nothing and can be run again. Null: there is no gap.
 */
export async function healSource(settings: SourceSettings, parts: HealParts): Promise<Healing | null> {
  const before = await parts.readProgress();
  const cause = gapOf(before, await readServerState(parts.database, settings), settings);
  if (cause === null) return null;
  await makeSlotAnew(settings, parts.database);
  // From here on nothing is missed: what changes after the slot was made is streamed, whatever is read now.
  const server = await readServerState(parts.database, settings);
  if (server.slot === null) throw new RangeError('the slot that was made is not there');
  const places = new TopicPlaces(settings, parts.schemaOf);
  const ends = await parts.readTopics(places);
  const generation = Math.max(before?.position.generation ?? 0, server.mark?.generation ?? 0, places.generation) + 1;
  const sourceTime = Math.max(before?.sourceTime ?? 0, places.sourceTime, nowMicros());
  const captured = new Map(places.captured);
  for (const [topic, events] of Object.entries(before?.captured ?? {})) {
    captured.set(topic, Math.max(events, captured.get(topic) ?? 0));
  }
  // Below every LSN that the new slot streams.
  const lsn = server.slot.confirmedLsn - 1;
  const context = { settings, partitions: partitionsOf(settings), captured, ...parts };
  const batch = new Batch(new BlockPool(settings.limits.queueBytesMax));
  const deletes: Record<string, number> = {};
  let ordinal = 0;
  const xid = await withClient(parts.database, async (client) => {
    const { rows } = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
    const stamp = {
      generation,
      lsn,
      xid: Number(rows[0]?.xid),
      committedAt: sourceTime,
      sourceTime,
      createdAt: nowMicros(),
    };
    // What depends on a row goes before it.
    for (const route of settings.routes.toSorted((a, b) => b.loadOrder - a.loadOrder)) {
      const gone = await goneRows(client, route, places.of(route));
      const writer = new TableWriter(route, routeColumns(route), context);
      for (const place of gone) {
        ordinal += 1;
        writer.write(batch, 'delete', stamp, ordinal, goneTuple(route, place));
      }
      if (gone.length > 0) deletes[tableName(route)] = gone.length;
    }
    return stamp.xid;
  });
  batch.seal();
  const { from = null, to = null } = cause.context;
  const healing = { cause: cause.code, from: textOrNull(from), to: textOrNull(to), generation, deletes };
  const progress: ProgressRecord = {
    source: settings.name,
    position: { generation, lsn, ordinal },
    complete: true,
    endLsn: server.slot.confirmedLsn,
    sourceTime,
    createdAt: nowMicros(),
    xid,
    systemIdentifier: server.systemIdentifier,
    timeline: server.timeline,
    slot: settings.slot,
    publicationHash: server.publicationHash,
    nextOffsets: Object.fromEntries(ends),
    captured: Object.fromEntries(captured),
    heartbeatToken: server.heartbeatToken ?? 0,
    parkedTables: [],
    jobs: '',
    loadCompleteAt: null,
  };
  await publish(settings, parts, before, batch, progress, gapRecord(progress, before, healing));
  return healing;
}

/** What was skipped can not be had any more, and receivers must know: a record of its own that stays on the topic. */
function gapRecord(progress: ProgressRecord, before: ProgressRecord | null, healing: Healing): ProgressRecord {
  return {
    ...progress,
    position: before?.position ?? { generation: progress.position.generation - 1, lsn: 0, ordinal: 0 },
    complete: before?.complete ?? true,
    endLsn: healing.from === null ? 0 : parseLsn(healing.from),
    nextOffsets: {},
    captured: {},
    jobs: JSON.stringify({ gap: { ...healing, at: new Date(progress.createdAt / 1000).toISOString() } }),
  };
}

async function publish(
  settings: SourceSettings,
  parts: HealParts,
  before: ProgressRecord | null,
  batch: Batch,
  progress: ProgressRecord,
  gap: ProgressRecord,
): Promise<void> {
  const publisher = await parts.openPublisher();
  try {
    const now = await parts.readProgress();
    if (now?.createdAt !== before?.createdAt) {
      throw new Fault(
        'fenced',
        'HEAL_OVERTAKEN',
        `Somebody else has published for ${settings.name} meanwhile. Nothing was changed on the topics; run it again.`,
        {},
      );
    }
    await publisher.begin();
    const nextOffsets = new Map(Object.entries(progress.nextOffsets));
    for (const records of batch.sends) {
      for (const [partition, offset] of await publisher.send(records)) nextOffsets.set(partition, offset);
    }
    const name = settings.name;
    const keys = [Buffer.from(`${name}|gap|${progress.position.generation}`), Buffer.from(name)];
    const values = [gap, { ...progress, nextOffsets: Object.fromEntries(nextOffsets) }].map(parts.encodeProgress);
    await publisher.send([{ topic: settings.progressTopic, partition: 0, keys, values }]);
    await publisher.commit();
  } finally {
    await publisher.close();
  }
}

async function makeSlotAnew(settings: SourceSettings, database: pg.ClientConfig): Promise<void> {
  await withClient(database, async (client) => {
    const { rows } = await client.query<{ active: boolean; elsewhere: string | null }>(
      `SELECT active, CASE WHEN database IS DISTINCT FROM current_database() THEN coalesce(database, '(none)') END AS elsewhere
       FROM pg_replication_slots WHERE slot_name = $1`,
      [settings.slot],
    );
    const elsewhere = rows[0]?.elsewhere ?? null;
    if (elsewhere !== null) {
      throw new Fault(
        'misconfigured',
        'SLOT_UNSUITABLE',
        `The slot ${settings.slot} belongs to the database ${elsewhere}. If that one is not to be followed any more, drop the slot there; else configure another name. Then heal again.`,
        { slot: settings.slot },
      );
    }
    if (rows[0]?.active === true) {
      throw new Fault(
        'unavailable',
        'SLOT_IN_USE',
        `The slot ${settings.slot} is in use: stop whoever streams from it.`,
        {
          slot: settings.slot,
        },
      );
    }
    if (rows.length > 0) await client.query('SELECT pg_drop_replication_slot($1)', [settings.slot]);
  });
  // What else is missing first: what the slot streams is published and identified rightly from its first byte.
  await setUpSource(database, settings);
  await withClient(database, async (client) => {
    const { rows } = await client.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [settings.slot]);
    // A database in which nothing was ever published got its slot by the set-up.
    if (rows.length === 0) await makeSlot(client, settings);
  });
}

async function withClient<T>(database: pg.ClientConfig, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(readingSession(database, 'concord heal'));
  client.on('error', () => {});
  try {
    await client.connect();
    return await act(client);
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await endClient(client);
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
