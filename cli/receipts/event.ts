import type pg from 'pg';
import type { DecodedEvent } from '../../avro/envelope.ts';
import { comparePositions, type Position } from '../../avro/position.ts';
import { watermark } from '../../avro/progress.ts';
import { entityTables, type StoredEntity } from '../../connectors/metering/entities.ts';
import { createLog } from '../../runtime/log.ts';
import { topicsOf } from '../../topics/catalogue.ts';
import type { FetchedRecord } from '../../topics/contract.ts';
import { searchRecords } from '../../topics/record-search.ts';
import { catalogueOf, decodersOf, kafkaOf, registryOf } from '../connections.ts';
import { readProgressOf } from '../progress.ts';
import type { Settings } from '../settings.ts';
import { type Answer, nothingKnown, outcomeByReceiver, outcomeBySender, type ReceiverFacts } from './answer.ts';
import { askSide, covering, type Direction, readReceipts, readRejection, reasonsOf } from './direction.ts';
import { readEvent } from './read-event.ts';

export interface EventQuestion {
  readonly generation: number | null;
  readonly lsn: number;
  readonly ordinal: number;
  /** Of a position that several events share (the rows of a chunk), the one with this key. */
  readonly key: string | null;
}

/** An event that was found: where it lies, and what it says. */
interface FoundEvent {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly entity: string;
  readonly key: string;
  readonly event: DecodedEvent;
}

interface Found {
  readonly position: Position;
  readonly events: readonly FoundEvent[];
  /** Where the event would be there is a record that can not be read. */
  readonly unclear: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[];
  /** The source has not come so far. */
  readonly isAhead: boolean;
}

/** A chunk of the initial load shares one position: nobody wants to see 10,000 rows. */
const eventsMax = 20;

/** What became of the events at a position. Several may share it: the halves of a move, the rows of a chunk. */
export async function answerEvent(
  settings: Settings,
  direction: Direction,
  question: EventQuestion,
): Promise<readonly Answer[]> {
  const found = await findEvents(settings, direction.source, question);
  const { position } = found;
  const receipts = await askSide(direction.sender, (client) => readReceipts(client, direction));
  const lost = [receipts.note].filter((note) => note !== null);
  if (found.events.length === 0) return [await answerNothing(direction, found)];
  const answers: Answer[] = [];
  for (const one of found.events) {
    const lane = laneOf(one, settings);
    const acknowledged = covering(receipts.found ?? [], lane, position);
    const facts = await askSide(direction.receiver, (client) => readFacts(client, settings, direction, one, position));
    const outcome =
      facts.found === null
        ? outcomeBySender(await toldToSender(direction, one, position), acknowledged)
        : outcomeByReceiver(facts.found, isAlwaysApplied(one));
    const notes = [...lost, ...(facts.note === null ? [] : [`The receiver could not be asked: ${facts.note}`])];
    answers.push({
      ...outcome,
      source: direction.source,
      entity: one.entity,
      key: one.key,
      lane,
      place: { topic: one.topic, partition: one.partition, offset: one.offset },
      recordType: one.event.recordType,
      position,
      committedAt: new Date(one.event.source.committedAt / 1000).toISOString(),
      acknowledged,
      note: notes.length === 0 ? null : notes.join(' '),
    });
  }
  return answers;
}

async function findEvents(settings: Settings, source: string, question: EventQuestion): Promise<Found> {
  const topics = catalogueOf(settings);
  const searched = [...topicsOf(topics, source, 'lane'), ...topicsOf(topics, source, 'reference')];
  const kafka = kafkaOf(settings, 'receipts', createLog('receipts', 'error'));
  const registry = registryOf(settings);
  try {
    const decoders = decodersOf(settings, registry);
    const progress = await readProgressOf(source, kafka, decoders.progress);
    const generation = question.generation ?? progress?.position.generation ?? 1;
    const position = { generation, lsn: question.lsn, ordinal: question.ordinal };
    const standing = async (topic: string, record: FetchedRecord): Promise<number | null> => {
      const event = await readEvent(decoders.event, topic, record);
      return event === null ? null : comparePositions(event.source, position);
    };
    const partitions = await searchRecords(
      kafka,
      searched.map(({ name }) => name),
      standing,
      question.key === null ? eventsMax : Number.POSITIVE_INFINITY,
    );
    const events: FoundEvent[] = [];
    for (const { topic, partition, matches } of partitions) {
      for (const record of matches) {
        const event = await readEvent(decoders.event, topic, record);
        if (event === null) continue;
        const schema = searched.find(({ name }) => name === topic)?.schema ?? null;
        // A mirrored table has a schema of its own, and is called as its topic.
        const kind = typeof schema === 'string' ? schema : topic.slice(topic.indexOf('.') + 1);
        const one = { topic, partition, offset: record.offset, event, ...nameOf(kind, record, event) };
        if (question.key === null || [one.key, record.key?.toString()].includes(question.key)) events.push(one);
      }
    }
    return {
      position,
      events: events.slice(0, eventsMax),
      unclear: partitions.flatMap(({ topic, partition, unclear }) =>
        unclear.map(({ offset }) => ({ topic, partition, offset })),
      ),
      isAhead: progress === null || generation > progress.position.generation || question.lsn > watermark(progress),
    };
  } finally {
    registry.close();
  }
}

/** What the event is about. The key of an appointment is its id, and not its MPAN core. */
function nameOf(schema: string, record: FetchedRecord, event: DecodedEvent): { entity: string; key: string } {
  const key = record.key?.toString() ?? '';
  const item = (name: string): string => {
    const value = event[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  if (schema.startsWith('appointment')) return { entity: 'appointment', key: item('appointment_id') };
  if (schema === 'rejection') return { entity: 'rejection', key: item('rejection_id') };
  if (schema === 'distributor') return { entity: 'distributor_gsp_group', key };
  return { entity: schema.replace('-', '_'), key };
}

/** Reference data is merged into every lane, and written by the first. */
function laneOf({ topic, partition }: FoundEvent, settings: Settings): number {
  const isReference = catalogueOf(settings).some(({ name, role }) => name === topic && role === 'reference');
  return isReference ? 0 : partition;
}

function isAlwaysApplied({ entity, event }: FoundEvent): boolean {
  return event.recordType === 'truncate' || !(entity in entityTables);
}

function toldToSender(direction: Direction, one: FoundEvent, position: Position): Promise<ReceiverFacts['rejection']> {
  if (direction.receiptInbox !== 'inbox.receipt') return Promise.resolve(null);
  return askSide(direction.sender, (client) =>
    readRejection(client, 'inbox.rejection', direction.source, position, one.entity, one.key),
  ).then(({ found }) => found);
}

async function readFacts(
  client: pg.Client,
  settings: Settings,
  { source, receiverSchema }: Direction,
  one: FoundEvent,
  position: Position,
): Promise<ReceiverFacts> {
  const { topic, partition, offset, entity, key, event } = one;
  const past = await client.query<{ next_offset: string }>(
    `SELECT next_offset FROM ${receiverSchema}.applied_offset WHERE source = $1 AND topic = $2 AND partition = $3`,
    [source, topic, partition],
  );
  const isPast = Number(past.rows[0]?.next_offset ?? 0) > offset;
  if (receiverSchema === 'concord' || !(entity in entityTables)) return { ...nothingKnown, isPast };
  const { generation, lsn, ordinal } = position;
  const held = await client.query<{
    details: { code: string; text: string }[] | null;
    rule_codes: string[];
    due: Date | null;
  }>(
    `SELECT details, rule_codes, due FROM metering.held
       WHERE source = $1 AND generation = $2 AND lsn = $3 AND ordinal = $4 AND entity = $5 AND entity_key = $6`,
    [source, generation, lsn, ordinal, entity, key],
  );
  const [hold] = held.rows;
  const versions = await client.query<{ is_version: boolean; ends: boolean }>(versionsSql(entity as StoredEntity), [
    key,
    generation,
    lsn,
    ordinal,
    event['mpan_core'] ?? null,
  ]);
  const { services, roles } = settings.metering.rules;
  const mpid = event['mpid'];
  const isOthers =
    entity === 'appointment' && typeof mpid === 'string' && !Object.values(services).flat().includes(mpid);
  const others = isOthers
    ? await client.query('SELECT FROM metering.participant WHERE mpid = $1 AND role = $2', [
        mpid,
        roles.meteringService,
      ])
    : null;
  return {
    held:
      hold === undefined
        ? null
        : { why: reasonsOf(hold.details, hold.rule_codes), due: hold.due?.toISOString() ?? null },
    rejection: await readRejection(client, 'metering.rejection', source, position, entity, key),
    isVersion: versions.rows.some((row) => row.is_version),
    endsVersion: versions.rows.some((row) => row.ends),
    letter: null,
    isNotOurs: (others?.rowCount ?? 0) > 0,
    isPast,
  };
}

/** $1 key, $2–$4 position, $5 MPAN core. */
function versionsSql(entity: StoredEntity): string {
  const { key, laneKey } = entityTables[entity];
  const at = '($2::int, $3::bigint, $4::int)';
  const keyItems = entity === 'appointment' ? ['appointment_id'] : key;
  // The key of a record of reference data is its parts, one after another; there are few rows of it.
  const name =
    laneKey === null ? keyItems.map((item) => `v.${item}::text`).join(` || '|' || `) : `v.${keyItems[0]}::text`;
  const indexed =
    laneKey === 'device_id' ? 'v.device_id = $1 AND ' : laneKey === null ? '' : 'v.mpan_core = $5::text AND ';
  const mention = '$5::text IS NOT DISTINCT FROM $5::text AND ';
  return `SELECT (v.generation, v.lsn, v.ordinal) = ${at} AS is_version, false AS ends FROM metering.${entity} v
      WHERE ${indexed}${mention}${name} = $1 AND (v.generation, v.lsn, v.ordinal) = ${at}
    UNION ALL SELECT (v.generation, v.lsn, v.ordinal) = ${at}, (v.generation_to, v.lsn_to, v.ordinal_to) = ${at}
      FROM metering.${entity}_history v
      WHERE ${indexed}${mention}${name} = $1
        AND ((v.generation, v.lsn, v.ordinal) = ${at} OR (v.generation_to, v.lsn_to, v.ordinal_to) = ${at})`;
}

/** No event has the position: it may lie where a record can not be read, or the source has not come so far. */
async function answerNothing(direction: Direction, { position, unclear, isAhead }: Found): Promise<Answer> {
  const [place] = unclear;
  const letter =
    place === undefined
      ? null
      : await askSide(direction.receiver, async (client) => {
          const { rows } = await client.query<{ code: string; reason: string }>(
            `SELECT code, reason FROM ${direction.receiverSchema}.dead_letter
               WHERE source = $1 AND topic = $2 AND partition = $3 AND "offset" = $4`,
            [direction.source, place.topic, place.partition, place.offset],
          );
          return rows[0] ?? null;
        });
  const verdict = letter?.found ? 'dead-lettered' : isAhead ? 'not yet' : 'unknown';
  return {
    verdict,
    outcome: null,
    source: direction.source,
    entity: '',
    key: '',
    lane: place?.partition ?? null,
    place: place ?? null,
    recordType: null,
    position,
    committedAt: null,
    why: letter?.found ? [{ code: letter.found.code, text: letter.found.reason }] : [],
    due: null,
    acknowledged: null,
    note: notes[verdict],
  };
}

const notes = {
  'dead-lettered': 'No readable event has the position; the record that lies where it would be could not be decoded.',
  'not yet': 'The source has not published so far yet: if there is such a change, it is on its way.',
  unknown: 'The source is past the position, and published no event there; or it is older than the topics go back.',
} as const;
