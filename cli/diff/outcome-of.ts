import { comparePositions } from '../../avro/position.ts';
import type { Outcome } from '../../connectors/sink/contract.ts';
import type { ShownRecord } from '../decoded-record.ts';
import { positionName, type StoreFacts } from './store-facts.ts';

/** One event with what became of it. */
export interface TimelineEntry {
  readonly position: { readonly generation: number; readonly lsn: number; readonly ordinal: number } | null;
  readonly committedAt: string | null;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly entity: string;
  readonly key: string;
  readonly recordType: string;
  /** `no trace`: the store has been past it, and holds nothing of it: somebody has changed the store. */
  readonly outcome: Outcome | 'on its way' | 'no trace';
  /** Rule codes, or why it can not be decoded. */
  readonly why: readonly string[];
  /** Items that are not what the event of the key before it said, with both values. */
  readonly changes: Readonly<Record<string, readonly [before: unknown, after: unknown]>>;
}

/** Which appointments are another metering service's. */
export interface Played {
  readonly services: readonly string[];
}

const envelope = new Set(['recordType', 'senderId', 'createdAt', 'correlationId', 'source', 'invalid', 'unchanged']);

type Event = Readonly<Record<string, unknown>>;

/** Puts the events in the order of the source's commits, and says of each what became of it. Pure. */
export function timelineOf(
  records: readonly ShownRecord[],
  facts: StoreFacts,
  played: Played,
): readonly TimelineEntry[] {
  const ordered = inOrder(records);
  const before = new Map<string, Event>();
  const entries: TimelineEntry[] = [];
  for (const record of ordered) {
    const entity = entityOf(record.topic);
    if (record.event === null) {
      entries.push(letterEntry(record, entity, facts));
      continue;
    }
    const { event } = record;
    const key = entity === 'appointment' ? textOf(event['appointment_id']) : (record.key ?? '');
    const name = `${entity}|${key}`;
    const previous = before.get(name) ?? null;
    const changes = changesOf(previous, event);
    entries.push({
      ...placeOf(record),
      entity,
      key,
      recordType: textOf(event['recordType']),
      ...outcomeOf(record, event, entity, key, previous, changes, facts, played),
      changes,
    });
    if (event['recordType'] === 'delete') before.delete(name);
    else before.set(name, event);
  }
  return overtaken(entries);
}

function outcomeOf(
  record: ShownRecord,
  event: Event,
  entity: string,
  key: string,
  previous: Event | null,
  changes: TimelineEntry['changes'],
  facts: StoreFacts,
  played: Played,
): Pick<TimelineEntry, 'outcome' | 'why'> {
  const { topic, partition, offset } = record;
  if (offset >= (facts.applied.get(`${topic}/${partition}`) ?? 0)) return { outcome: 'on its way', why: [] };
  const at = positionName(positionOf(event));
  const is = (one: { entity: string; key: string; at: string }): boolean =>
    one.at === at && one.entity === entity && one.key === key;
  const held = facts.held.find(is);
  if (held !== undefined) return { outcome: 'held', why: held.codes };
  const version = facts.versions.find(is);
  const rejections = facts.rejections.filter(is);
  const rejection = rejections.at(-1);
  const isDelete = event['recordType'] === 'delete';
  if (version !== undefined && !isDelete) {
    return { outcome: 'applied', why: version.decidedAt === null ? [] : ['after it was held'] };
  }
  if (rejection !== undefined) {
    const status = rejection.status === 'open' ? [] : [`(${rejection.status} since)`];
    return { outcome: 'rejected', why: [...rejection.codes, ...status] };
  }
  if (event['recordType'] === 'truncate') return { outcome: 'applied', why: [] };
  const ends = facts.versions.some((one) => one.endedAt === at && one.entity === entity && one.key === key);
  if (isNotOurs(event, entity, facts, played)) return { outcome: 'not-ours', why: [textOf(event['mpid'])] };
  if (ends) return { outcome: 'applied', why: [] };
  const isSame = isDelete ? previous === null : previous !== null && Object.keys(changes).length === 0;
  return isSame ? { outcome: 'unchanged', why: [] } : { outcome: 'no trace', why: [] };
}

function isNotOurs(event: Event, entity: string, facts: StoreFacts, played: Played): boolean {
  const mpid = event['mpid'];
  if (entity !== 'appointment' || typeof mpid !== 'string') return false;
  return !played.services.includes(mpid) && facts.meteringServices.has(mpid);
}

/** A hold leaves no trace when a later event of its key is applied: it is superseded then (P16). */
function overtaken(entries: readonly TimelineEntry[]): readonly TimelineEntry[] {
  return entries.map((entry, index) => {
    if (entry.outcome !== 'no trace') return entry;
    const isOvertaken = entries
      .slice(index + 1)
      .some(({ entity, key, outcome }) => entity === entry.entity && key === entry.key && outcome === 'applied');
    return isOvertaken ? { ...entry, outcome: 'superseded' as const } : entry;
  });
}

function letterEntry(record: ShownRecord, entity: string, facts: StoreFacts): TimelineEntry {
  const { topic, partition, offset, undecodable } = record;
  const letter = facts.letters.get(`${topic}/${partition}/${offset}`);
  return {
    ...placeOf(record),
    entity,
    key: record.key ?? '',
    recordType: 'unreadable',
    outcome: letter === undefined ? 'on its way' : 'dead-lettered',
    why: letter === undefined ? [undecodable?.reason ?? ''] : [letter.code, letter.reason],
    changes: {},
  };
}

function placeOf({ topic, partition, offset, event }: ShownRecord) {
  const position = event === null ? null : positionOf(event);
  const committedAt = event === null ? null : textOf((event['source'] as Event)['committedAt']);
  return { topic, partition, offset, position, committedAt };
}

function positionOf(event: Event): { generation: number; lsn: number; ordinal: number } {
  const { generation, lsn, ordinal } = event['source'] as Event;
  return { generation: Number(generation), lsn: Number(lsn), ordinal: Number(ordinal) };
}

/** What can not be read has no position: it stands before what comes after it in its partition. */
function inOrder(records: readonly ShownRecord[]): readonly ShownRecord[] {
  const ordered = records
    .filter(({ event }) => event !== null)
    .toSorted((a, b) => comparePositions(eventPosition(a), eventPosition(b)) || a.offset - b.offset);
  const unreadable = records.filter(({ event }) => event === null).toSorted((a, b) => a.offset - b.offset);
  for (const record of unreadable) {
    const { topic, partition, offset } = record;
    const later = ordered.findIndex((one) => one.topic === topic && one.partition === partition && one.offset > offset);
    ordered.splice(later === -1 ? ordered.length : later, 0, record);
  }
  return ordered;
}

function eventPosition({ event }: ShownRecord): ReturnType<typeof positionOf> {
  return positionOf(event ?? {});
}

function changesOf(previous: Event | null, event: Event): TimelineEntry['changes'] {
  const unsent = Array.isArray(event['unchanged']) ? (event['unchanged'] as unknown[]) : [];
  if (previous === null || event['recordType'] === 'delete') return {};
  return Object.fromEntries(
    Object.entries(event)
      .filter(([name]) => !envelope.has(name) && !unsent.includes(name))
      .filter(([name, value]) => (previous[name] ?? null) !== (value ?? null))
      .map(([name, value]) => [name, [previous[name] ?? null, value ?? null]]),
  );
}

function entityOf(topic: string): string {
  if (topic.endsWith('.metering-point')) return 'metering_point';
  return topic.endsWith('.meter-asset') ? 'meter_asset' : 'appointment';
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
