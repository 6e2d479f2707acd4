import { type Decoder, prefixBytes, schemaIdOf } from '../../avro/codec.ts';
import { comparePositions, type Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import type { LaneEvent } from '../../connectors/sink/contract.ts';
import { createLog } from '../../runtime/log.ts';
import type { FetchedBatch } from '../../topics/contract.ts';
import { type PartitionRange, readRanges } from '../../topics/range-reader.ts';
import { decodersOf, kafkaOf, registryOf } from '../connections.ts';
import type { Settings } from '../settings.ts';
import { topicsOfSource } from '../sides/legs.ts';
import { isSelected, type Selection } from './selection.ts';
import { judgedTopics, rangesOf, wholeTopics } from './selected-ranges.ts';
import { EventSpool, type SpooledRecord } from './spool.ts';

/** Events that are judged together: all of their keys, in the order of the source's commits. */
export interface EventGroup {
  readonly lane: number;
  readonly events: readonly LaneEvent[];
  readonly selected: ReadonlySet<LaneEvent>;
}

/** The selected records of some keys, those of a key in one group; not decoded. */
export interface RecordGroup {
  readonly lane: number;
  readonly records: readonly SpooledRecord[];
}

export interface SelectedEvents {
  /** How many were selected. */
  readonly count: number;
  /** The smallest position of them; null where there is none. */
  readonly first: Position | null;
  /** All reference data, in the order of the source's commits. */
  readonly references: readonly LaneEvent[];
  /** Truncates of judged topics, in the same order; one of every lane. */
  readonly truncates: readonly LaneEvent[];
  readonly unreadable: number;
  /** More were selected than are taken at once. */
  readonly cut: boolean;
  /** Each is read from a file when it is asked for; those without a selected event are left out. */
  groups(): AsyncGenerator<EventGroup>;
  /** The same of what was selected alone, for somebody who looks into few of them. */
  recordGroups(): AsyncGenerator<RecordGroup>;
  /** In the order of the source's commits. */
  decoded(records: readonly SpooledRecord[]): LaneEvent[];
}

export interface Reading {
  readonly selection: Selection;
  /** Every event of the keys that are selected, from the topics' first record to their last. */
  readonly isWhole: boolean;
  readonly max: number;
}

/** So many records are in memory at once, about. */
const recordsPerGroup = 4_000;
const groupsPerLaneMax = 512;

/** Reads what is selected, keeps it in a file of no name, and gives it to `act`; nothing is left of it, however that ends. */
export async function withSelected<T>(
  settings: Settings,
  reading: Reading,
  tell: (text: string) => void,
  signal: AbortSignal,
  act: (events: SelectedEvents) => Promise<T>,
): Promise<T> {
  const kafka = kafkaOf(settings, 'replay', createLog('replay', 'fatal'));
  const registry = registryOf(settings);
  const { event: decoder } = decodersOf(settings, registry);
  const selected = await rangesOf(settings, reading.selection, kafka);
  const read = reading.isWhole ? await wholeTopics(kafka, judgedTopics(settings)) : selected;
  const records = read.reduce((sum, { from, to }) => sum + Math.max(0, (to ?? from) - from), 0);
  const { partitions } = settings.kafka;
  const perLane = Math.min(groupsPerLaneMax, Math.max(1, Math.ceil(records / partitions / recordsPerGroup)));
  const spool = await EventSpool.open(partitions * perLane);
  try {
    const { referenceTopics } = topicsOfSource(settings, settings.registration.name);
    const references: LaneEvent[] = [];
    const intake = new Intake(reading, selected, spool, perLane, decoder);
    await readRanges(
      kafka,
      await wholeTopics(kafka, referenceTopics),
      (batch) => intake.references(batch, references),
      signal,
    );
    let seen = 0;
    const take = async (batch: FetchedBatch): Promise<void> => {
      if (intake.cut) return;
      await intake.events(batch);
      seen += batch.records.length;
      tell(`reading the topics: ${number(seen)} of about ${number(records)} records`);
    };
    await readRanges(kafka, read, take, AbortSignal.any([signal, intake.enough.signal]));
    await spool.flush();
    return await act({
      count: intake.count,
      first: intake.first,
      references: references.sort(inOrder),
      truncates: intake.truncates.sort(inOrder),
      unreadable: intake.unreadable,
      cut: intake.cut,
      groups: () => groupsOf(spool, perLane, decoder),
      recordGroups: () => recordGroupsOf(spool, perLane),
      decoded: (records) => records.map((record) => eventOf(record, decoder)).sort(inOrder),
    });
  } finally {
    await spool.close();
    registry.close();
  }
}

async function* groupsOf(spool: EventSpool, perLane: number, decoder: Decoder): AsyncGenerator<EventGroup> {
  for (let bucket = 0; bucket < spool.bucketCount; bucket += 1) {
    const records = await spool.bucket(bucket);
    const keys = new Set(records.filter((record) => record.isSelected).map(({ topic, key }) => keyName(topic, key)));
    if (keys.size === 0) continue;
    const selected = new Set<LaneEvent>();
    const events: LaneEvent[] = [];
    for (const record of records) {
      if (!keys.has(keyName(record.topic, record.key))) continue;
      const event = eventOf(record, decoder);
      events.push(event);
      if (record.isSelected) selected.add(event);
    }
    yield { lane: Math.floor(bucket / perLane), events: events.sort(inOrder), selected };
  }
}

async function* recordGroupsOf(spool: EventSpool, perLane: number): AsyncGenerator<RecordGroup> {
  for (let bucket = 0; bucket < spool.bucketCount; bucket += 1) {
    const records = (await spool.bucket(bucket)).filter(({ isSelected: is }) => is);
    if (records.length > 0) yield { lane: Math.floor(bucket / perLane), records };
  }
}

function eventOf({ topic, partition, offset, key, value }: SpooledRecord, decoder: Decoder): LaneEvent {
  return { topic, partition, offset, key, event: decoder.decode(topic, value) };
}

/** A device id may look like an MPAN core. */
function keyName(topic: string, key: string): string {
  return `${topic.endsWith('.meter-asset') ? 'asset' : 'mpan'} ${key}`;
}

/** Takes records from the topics, and puts those that are wanted into their group. */
class Intake {
  count = 0;
  first: Position | null = null;
  unreadable = 0;
  cut = false;
  readonly truncates: LaneEvent[] = [];
  readonly enough = new AbortController();
  private readonly reading: Reading;
  private readonly ranges: ReadonlyMap<string, PartitionRange>;
  private readonly spool: EventSpool;
  private readonly perLane: number;
  private readonly decoder: Decoder;

  constructor(
    reading: Reading,
    ranges: readonly PartitionRange[],
    spool: EventSpool,
    perLane: number,
    decoder: Decoder,
  ) {
    this.reading = reading;
    this.ranges = new Map(ranges.map((range) => [partitionName(range.topic, range.partition), range]));
    this.spool = spool;
    this.perLane = perLane;
    this.decoder = decoder;
  }

  async references(batch: FetchedBatch, into: LaneEvent[]): Promise<void> {
    for (const event of await this.decoded(batch)) into.push(event);
  }

  async events(batch: FetchedBatch): Promise<void> {
    const range = this.ranges.get(partitionName(batch.topic, batch.partition));
    const { selection, isWhole, max } = this.reading;
    for (const event of await this.decoded(batch)) {
      const { topic, partition, offset, key, value } = event;
      if (event.event.recordType === 'truncate') {
        this.truncates.push({ topic, partition, offset, key, event: event.event });
        continue;
      }
      const isIn = range !== undefined && offset >= range.from && (range.to === null || offset < range.to);
      const is = isIn && isSelected(selection, key, event.event);
      if (!is && (!isWhole || (selection.mpan !== null && key !== selection.mpan && !topic.endsWith('.meter-asset'))))
        continue;
      if (is && this.count >= max) {
        this.cut = true;
        this.enough.abort();
        return;
      }
      const { generation, lsn, ordinal, sourceTime } = event.event.source;
      const position = { generation, lsn, ordinal };
      if (is) this.see(position);
      const bucket = partition * this.perLane + (hashOf(keyName(topic, key)) % this.perLane);
      const id = event.event['appointment_id'];
      const rowKey = typeof id === 'number' ? String(id) : key;
      const full = this.spool.add(bucket, {
        topic,
        partition,
        offset,
        key,
        isSelected: is,
        position,
        sourceTime,
        rowKey,
        value,
      });
      if (full) await this.spool.flush();
    }
  }

  private see(position: Position): void {
    this.count += 1;
    if (this.first === null || comparePositions(position, this.first) < 0) this.first = position;
  }

  /** No record waits for another: the schemas of a batch are fetched before the first of it is decoded. */
  private async decoded({
    topic,
    partition,
    records,
  }: FetchedBatch): Promise<readonly (LaneEvent & { readonly value: Buffer })[]> {
    const events: (LaneEvent & { readonly value: Buffer })[] = [];
    await this.decoder.prepare(schemaIdsOf(records));
    for (const { offset, key, value } of records) {
      if (value === null) continue;
      try {
        const name = key?.toString('utf8') ?? '';
        const event = this.decoder.decodeAt(topic, value, 0, value.length, name);
        events.push({ topic, partition, offset, key: name, value, event });
      } catch {
        this.unreadable += 1;
      }
    }
    return events;
  }
}

/** Of the values that name one. */
function schemaIdsOf(records: FetchedBatch['records']): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const { value } of records) {
    if (value === null || value.length < prefixBytes || value[0] !== 0) continue;
    ids.add(schemaIdOf(value));
  }
  return ids;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** As a lane merges its topics: of a linked delete and create the delete comes first. */
function inOrder(a: LaneEvent, b: LaneEvent): number {
  const deletesFirst = Number(b.event.recordType === 'delete') - Number(a.event.recordType === 'delete');
  return comparePositions(a.event.source, b.event.source) || deletesFirst || a.offset - b.offset;
}

function number(value: number): string {
  return value.toLocaleString('en-GB');
}
