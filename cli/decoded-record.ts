import { type Decoder, schemaIdOf } from '../avro/codec.ts';
import type { DecodedEvent } from '../avro/envelope.ts';
import { formatLsn } from '../avro/position.ts';
import { plainValue } from '../avro/plain.ts';
import type { RecordSchema } from '../avro/schemas.ts';
import { Fault } from '../runtime/fault.ts';
import { maskDigits } from '../runtime/mask.ts';
import type { FetchedRecord } from '../topics/contract.ts';
import { shownHex } from './shown.ts';

/** A record for people and programs: as the topic's JSON Schema describes it. */
export interface ShownRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  /** Null for a tombstone, and where `undecodable` says why. */
  readonly event: Readonly<Record<string, unknown>> | null;
  readonly undecodable?: { readonly reason: string; readonly hex: string };
  readonly headers?: Readonly<Record<string, string>>;
}

/** Reads one record. What can not be decoded says so, with its bytes; a registry that is away is a fault. */
export async function decodeRecord(
  decoder: Decoder<DecodedEvent>,
  schema: RecordSchema | null,
  topic: string,
  partition: number,
  record: FetchedRecord,
  reveal: boolean,
): Promise<ShownRecord> {
  const { offset, value } = record;
  const headers = Object.fromEntries(Object.entries(record.headers).map(([name, one]) => [name, one.toString('utf8')]));
  const place = {
    topic,
    partition,
    offset,
    key: record.key?.toString('utf8') ?? null,
    event: null,
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
  if (value === null) return place;
  if (schema === null)
    return { ...place, undecodable: { reason: 'the topic has no schema', hex: shownHex(value, reveal) } };
  try {
    await decoder.prepare([schemaIdOf(value)]);
    return { ...place, event: plainValue(schema, decoder.decode(topic, value)) };
  } catch (error) {
    if (error instanceof Fault) throw error;
    const reason = maskDigits(error instanceof Error ? error.message : String(error));
    return { ...place, undecodable: { reason, hex: shownHex(value, reveal) } };
  }
}

const indent = ' '.repeat(13);
const hexBytesShown = 96;

/** A record as some lines for people. */
export function describeRecord({ partition, offset, key, event, undecodable, headers }: ShownRecord): string {
  const at = `${partition}@${offset}`.padEnd(12);
  const named = Object.entries(headers ?? {}).map(([name, value]) => `${indent}${name}: ${value}`);
  if (undecodable !== undefined) {
    const { reason, hex } = undecodable;
    const more = hex.length > hexBytesShown * 2 ? ` … (${hex.length / 2} bytes; --json has them all)` : '';
    const bytes = hex.slice(0, hexBytesShown * 2).replaceAll(/(.{8})/g, '$1 ');
    return [`${at} not decoded ${key ?? ''}: ${reason}`, ...named, `${indent}${bytes.trim()}${more}`].join('\n');
  }
  if (event === null) return `${at} tombstone  ${key ?? ''}`;
  const { recordType, source, senderId, createdAt, correlationId, invalid, unchanged, ...items } = event;
  const position = positionText(source);
  const extra = Object.entries({ correlationId, invalid, unchanged }).filter(([, value]) => isFilled(value));
  const lines = [...Object.entries(items), ...extra].filter(([, value]) => value !== null);
  const from = [textOf(senderId), textOf(createdAt)].filter((text) => text !== '').join(' ');
  return [
    `${at} ${(textOf(recordType) || 'record').padEnd(10)} ${key ?? ''} ${position}${from === '' ? '' : ` from ${from}`}`,
    ...named,
    ...lines.map(([name, value]) => `${indent}${name} = ${textOf(value)}`),
  ].join('\n');
}

function positionText(source: unknown): string {
  if (source === null || typeof source !== 'object' || !('lsn' in source) || !('ordinal' in source)) return '';
  return `${formatLsn(Number(source.lsn))} #${String(source.ordinal)}`;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isFilled(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
