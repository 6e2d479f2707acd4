import pg, { type ClientBase } from 'pg';
import type { DecodedEvent, Item } from '../../avro/envelope.ts';
import type { Position } from '../../avro/position.ts';
import { BatchState, type StoredRow, troubleName } from './batch-state.ts';
import { CopyFields, copyOut } from './copy-out.ts';
import { type EntityTable, appointmentTable, type ItemKind, meterAssetTable, meteringPointTable } from './entities.ts';
import type { Trouble } from './key-state.ts';
import type { KnownKeys } from './known-keys.ts';
import { arrayText } from '../../runtime/array-text.ts';
import { OneTrip, type Statement } from '../../runtime/one-trip.ts';
import { readRows, type Row } from './read-rows.ts';
import type { BrokenRule } from './rules/contract.ts';
import { placeOf, type RowPlace } from './row-place.ts';
import { statementsOf } from './statements.ts';
import type { HeldEvent, OpenRejection, Received, StoredVersion } from './versions.ts';

const loadedTables = [meteringPointTable, appointmentTable, meterAssetTable];

const selects = new Map<EntityTable, Statement>(
  loadedTables.map((table) => [table, { name: `concord_load_${table.entity}`, text: statementsOf(table).select }]),
);

/**
 * What the store has of the keys, and of what is open about them. One query per table that may have some of them, which go
 * together where the keys are few.
 */
export async function loadState(
  client: ClientBase,
  mpans: ReadonlySet<string>,
  assets: ReadonlySet<string>,
  known: KnownKeys,
): Promise<BatchState> {
  const loading: (readonly [EntityTable, Promise<readonly StoredRow[]>])[] = [];
  for (const table of loadedTables) {
    const keys = known.stored(table, table === meterAssetTable ? assets : mpans);
    if (keys.length > 0) loading.push([table, loadTable(client, table, keys)]);
  }
  OneTrip.on(client).send();
  const rows = new Map<EntityTable, readonly StoredRow[]>();
  // All of them end before anything else is asked on the connection, whichever fails.
  await Promise.allSettled(loading.map(([, loaded]) => loaded));
  for (const [table, loaded] of loading) rows.set(table, await loaded);
  const troubled = [...known.inTrouble(mpans), ...known.inTrouble(assets)];
  return new BatchState(rows, troubled.length === 0 ? noTroubles : await loadTroubles(client, troubled));
}

/** So many keys are asked for with a prepared statement; more are worth the plan of a COPY of their own. */
const fewKeys = 100;

async function loadTable(
  client: ClientBase,
  table: EntityTable,
  keys: readonly string[],
): Promise<readonly StoredRow[]> {
  const select = selects.get(table);
  if (select === undefined) throw new RangeError(`nobody loads ${table.entity} by its keys`);
  if (keys.length > fewKeys) return await copyTable(client, table, select.text, keys);
  const { rows } = await OneTrip.on(client).call(select, [arrayText(keys)]);
  return rows.map((row) => storedRow(table, row));
}

const fields = new CopyFields();

async function copyTable(
  client: ClientBase,
  table: EntityTable,
  select: string,
  keys: readonly string[],
): Promise<readonly StoredRow[]> {
  const query = select.replace('$1', () => textArray(keys));
  const bytes = await copyOut(client, query);
  const rows: StoredRow[] = [];
  // From here to the end nothing is waited for: the reader is everybody's.
  for (fields.begin(bytes); !fields.isAtEnd; ) rows.push(copiedRow(table));
  return rows;
}

/** An array of texts as an SQL literal. */
export function textArray(keys: readonly string[]): string {
  return `${pg.escapeLiteral(arrayText(keys))}::text[]`;
}

/** By table, an object that has all items already: a copy of it is filled without growing. */
const blanks = new Map(
  [meteringPointTable, appointmentTable, meterAssetTable].map((table) => [
    table,
    Object.fromEntries(table.items.map(([name]) => [name, null])) as Readonly<Record<string, Item>>,
  ]),
);

function copiedRow(table: EntityTable): StoredRow {
  const items: Record<string, Item> = { ...blanks.get(table) };
  for (const [name, kind] of table.items) items[name] = copiedItem(kind);
  const generation = fields.integer() ?? 0;
  const lsn = fields.integer() ?? 0;
  const version = { items, generation, lsn, ordinal: fields.integer() ?? 0 };
  const place = fields.place();
  return rowOf(table, version, place, table === meteringPointTable ? fields.text() : null);
}

function copiedItem(kind: ItemKind): Item {
  switch (kind) {
    case 'text':
      return fields.text();
    case 'date':
    case 'millionths':
    case 'integer':
      return fields.integer();
    case 'boolean':
      return fields.boolean();
  }
}

/** A row of `select`: the items, the position, where it lies (reference data has none), and for a metering point its timeline. */
export function storedRow(table: EntityTable, row: Row): StoredRow {
  const items: Record<string, Item> = {};
  let at = 0;
  for (const [name, kind] of table.items) {
    items[name] = itemOf(kind, row[at] ?? null);
    at += 1;
  }
  const version = { items, generation: Number(row[at]), lsn: Number(row[at + 1]), ordinal: Number(row[at + 2]) };
  const place = row[at + 3] ?? null;
  return rowOf(table, version, place === null ? null : placeOf(place), row[at + 4] ?? null);
}

function rowOf(table: EntityTable, version: StoredVersion, place: RowPlace | null, timeline: string | null): StoredRow {
  const { items } = version;
  const key = table === appointmentTable ? items['appointment_id'] : items[table.key[0] ?? ''];
  const laneKey = table.laneKey === null ? '' : items[table.laneKey];
  return { laneKey: String(laneKey), key: String(key), version, timeline, place };
}

function itemOf(kind: ItemKind, text: string | null): Item {
  if (text === null) return null;
  switch (kind) {
    case 'text':
      return text;
    case 'date':
    case 'millionths':
    case 'integer':
      return Number(text);
    case 'boolean':
      return text === 't';
  }
}

async function loadTroubles(client: ClientBase, laneKeys: readonly string[]): Promise<ReadonlyMap<string, Trouble>> {
  const lasts = await readRows(
    client,
    `SELECT lane_key, entity, entity_key, topic, generation, lsn, ordinal, event, kept_generation, kept_lsn, kept_ordinal
     FROM metering.last_received WHERE lane_key = ANY($1)`,
    [laneKeys],
    'concord_load_last_received',
  );
  if (lasts.length === 0) return noTroubles;
  const troubled = [...new Set(lasts.map(([laneKey]) => laneKey))];
  const rejections = await loadRejections(client, troubled);
  const held = await loadHeld(client, troubled);
  return new Map(
    lasts.map(([laneKey, entity, key, topic, generation, lsn, ordinal, event, ...kept]) => {
      const last: Received = { ...received(topic, generation, lsn, ordinal), event: eventOf(event) };
      const name = troubleName(String(laneKey), String(entity), String(key));
      const trouble: Trouble = {
        laneKey: String(laneKey),
        entity: String(entity),
        key: String(key),
        last,
        kept: positionOf(kept),
        rejections: rejections.get(name) ?? [],
        held: held.get(name) ?? [],
      };
      return [name, trouble];
    }),
  );
}

const noTroubles: ReadonlyMap<string, Trouble> = new Map();

async function loadRejections(
  client: ClientBase,
  laneKeys: readonly unknown[],
): Promise<ReadonlyMap<string, OpenRejection[]>> {
  const rows = await readRows(
    client,
    `SELECT r.lane_key, r.entity, r.entity_key, r.topic, r.generation, r.lsn, r.ordinal, r.rejection_id, r.revision, r.record_type,
            to_jsonb(r.rule_codes), e.event
     FROM metering.rejection r LEFT JOIN metering.rejected_event e USING (rejection_id)
     WHERE r.status = 'open' AND r.lane_key = ANY($1) ORDER BY r.generation, r.lsn, r.ordinal, r.revision`,
    [laneKeys],
  );
  return grouped(rows, ([, , , topic, generation, lsn, ordinal, id, revision, recordType, codes, event]) => ({
    ...received(topic, generation, lsn, ordinal),
    id: String(id),
    revision: Number(revision),
    recordType: recordType as OpenRejection['recordType'],
    codes: JSON.parse(String(codes)) as string[],
    event: event === null || event === undefined ? null : eventOf(event),
  }));
}

async function loadHeld(client: ClientBase, laneKeys: readonly unknown[]): Promise<ReadonlyMap<string, HeldEvent[]>> {
  const rows = await readRows(
    client,
    `SELECT lane_key, entity, entity_key, topic, generation, lsn, ordinal, held_id, details,
            (extract(epoch FROM due) * 1000000)::bigint, event, (extract(epoch FROM held_since) * 1000000)::bigint, revision
     FROM metering.held WHERE lane_key = ANY($1) ORDER BY generation, lsn, ordinal`,
    [laneKeys],
  );
  return grouped(rows, ([, , , topic, generation, lsn, ordinal, id, details, due, event, since, revision]) => ({
    ...received(topic, generation, lsn, ordinal),
    id: String(id),
    broken: JSON.parse(String(details)) as BrokenRule[],
    since: Number(since),
    due: due === null || due === undefined ? null : Number(due),
    revision: Number(revision),
    event: eventOf(event),
  }));
}

function grouped<T>(rows: readonly Row[], valueOf: (row: Row) => T): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const name = troubleName(String(row[0]), String(row[1]), String(row[2]));
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [valueOf(row)]);
    else group.push(valueOf(row));
  }
  return groups;
}

type Text = string | null | undefined;

function received(topic: Text, generation: Text, lsn: Text, ordinal: Text): Omit<Received, 'event'> {
  return { topic: String(topic), generation: Number(generation), lsn: Number(lsn), ordinal: Number(ordinal) };
}

function positionOf([generation, lsn, ordinal]: readonly Text[]): Position | null {
  if (generation === null || generation === undefined) return null;
  return { generation: Number(generation), lsn: Number(lsn), ordinal: Number(ordinal) };
}

function eventOf(json: Text): DecodedEvent {
  return JSON.parse(String(json)) as DecodedEvent;
}
