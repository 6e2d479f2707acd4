import type { Decoder } from '../../avro/codec.ts';
import type { DecodedEvent, RecordType } from '../../avro/envelope.ts';
import { beginning, type Position } from '../../avro/position.ts';
import type { ProgressRecord } from '../../avro/progress.ts';
import type { FetchedBatch, FetchedRecord } from '../../topics/contract.ts';

export const sourceName = 'test';

/** An event as the fixture's decoder reads it from JSON. */
export function eventOf(
  position: Partial<Position> & { lsn: number },
  recordType: RecordType = 'update',
  items: Readonly<Record<string, unknown>> = {},
): DecodedEvent {
  const { generation = 1, lsn, ordinal = 1 } = position;
  return {
    recordType,
    senderId: 'TEST',
    createdAt: lsn * 1_000,
    correlationId: null,
    source: { name: sourceName, generation, lsn, ordinal, xid: lsn, committedAt: lsn * 1_000, sourceTime: lsn * 1_000 },
    invalid: {},
    unchanged: [],
    ...items,
  };
}

export function recordOf(offset: number, key: string, event: DecodedEvent): FetchedRecord {
  return { offset, key: Buffer.from(key), value: Buffer.from(JSON.stringify(event)), headers: {} };
}

export function garbageAt(offset: number): FetchedRecord {
  return { offset, key: Buffer.from('1300000000007'), value: Buffer.from('garbage 1300000000007'), headers: {} };
}

export function tombstoneAt(offset: number, key: string): FetchedRecord {
  return { offset, key: Buffer.from(key), value: null, headers: {} };
}

export function batchOf(
  topic: string,
  partition: number,
  fetchedOffset: number,
  nextOffset: number,
  records: readonly FetchedRecord[],
): FetchedBatch {
  return { topic, partition, fetchedOffset, nextOffset, highWatermark: nextOffset, records };
}

/** Reads JSON; what is no JSON is what can not be decoded. */
export function jsonDecoder<Value>(): Decoder<Value> {
  return {
    prepare: () => Promise.resolve(),
    decode: (_topic, value) => JSON.parse(value.toString('utf8')) as Value,
    decodeAt: (_topic, bytes, start, end) => JSON.parse(bytes.toString('utf8', start, end)) as Value,
  };
}

export function progressOf(
  position: Partial<Position> & { lsn: number },
  nextOffsets: Readonly<Record<string, number>>,
  complete = true,
): ProgressRecord {
  const { generation = 1, lsn, ordinal = 1_000 } = position;
  return {
    source: sourceName,
    position: { generation, lsn, ordinal },
    complete,
    endLsn: lsn,
    sourceTime: lsn * 1_000,
    createdAt: lsn * 1_000,
    xid: lsn,
    systemIdentifier: '1',
    timeline: 1,
    slot: 'test',
    publicationHash: '',
    nextOffsets,
    captured: {},
    heartbeatToken: 0,
    parkedTables: [],
    jobs: '',
    loadCompleteAt: null,
  };
}

export const start = { nextOffset: 0, taken: beginning };
