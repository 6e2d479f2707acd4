import type { Type } from 'avsc';
import type { DecodedEvent } from './envelope.ts';
import type { RecordSchema } from './schemas.ts';
import { avroType, avroTypeOf } from './types.ts';
import { compileReader } from './compiled-reader.ts';

/** Confluent wire format: a zero byte, the schema's id (32 bits, big-endian), the Avro body. */
export const prefixBytes = 5;

const magicByte = 0;
/** Ids that no registry knows come from garbage: so many are remembered before they are forgotten. */
const absentIdsMax = 1_000;

/** Thrown by `decode` when a value names a writer schema that was not fetched yet: `prepare` it and decode again. */
export class UnknownSchemaId extends Error {
  readonly id: number;

  constructor(id: number) {
    super(`schema ${id} is not fetched yet`);
    this.name = 'UnknownSchemaId';
    this.id = id;
  }
}

/** Turns values from Kafka into objects, synchronously, once the writers' schemas are there. */
export interface Decoder<Value = DecodedEvent> {
  /** Fetches the schemas of these ids where they are not known yet. Rejects as `fetchWriterSchema` does. */
  prepare(ids: Iterable<number>): Promise<void>;
  /**
   * The value as the topic's own schema reads it. Throws `UnknownSchemaId`, or an Error that names what is wrong with
   * the record: no magic byte, an id that the registry has not, bytes that are no such record or too many.
   */
  decode(topic: string, value: Buffer): Value;
  /**
   * The same for a value that lies between two offsets of a buffer, of which no view is kept. `key` is the record's: an item
   * that says the same is the same string.
   */
  decodeAt(topic: string, bytes: Buffer, start: number, end: number, key: string): Value;
}

/** The text of the schema with that id in the registry; null when the registry has none; rejects with a Fault. */
export type FetchWriterSchema = (id: number) => Promise<string | null>;

const typesBySchema = new WeakMap<RecordSchema, Type>();

/** The avsc type of a schema, built once. */
export function typeOf(schema: RecordSchema): Type {
  let type = typesBySchema.get(schema);
  if (type === undefined) {
    type = avroType(schema);
    typesBySchema.set(schema, type);
  }
  return type;
}

/** The value in wire format. For the few records of a time: progress, tests; rows are written by the source itself. */
export function encodeEvent(schema: RecordSchema, id: number, value: object): Buffer {
  const body = typeOf(schema).toBuffer(value);
  const bytes = Buffer.allocUnsafe(prefixBytes + body.length);
  writePrefix(bytes, id);
  body.copy(bytes, prefixBytes);
  return bytes;
}

/** Writes the five bytes at `offset`. */
export function writePrefix(bytes: Buffer, id: number, offset = 0): void {
  bytes[offset] = magicByte;
  bytes.writeUInt32BE(id, offset + 1);
}

/** The id of the writer's schema. Throws an Error when the value is not in wire format. */
export function schemaIdOf(value: Buffer): number {
  return schemaIdAt(value, 0, value.length);
}

function schemaIdAt(bytes: Buffer, start: number, end: number): number {
  if (end - start < prefixBytes) throw new Error(`${end - start} bytes are too few for a value with a schema id`);
  if (bytes[start] !== magicByte)
    throw new Error(`the first byte is ${bytes[start]}, not 0: the value names no schema`);
  return bytes.readUInt32BE(start + 1);
}

type Read<Value> = (bytes: Buffer, start: number, end: number, key: string) => Value;

/** A decoder for the topics to which `readerSchemaOf` has an answer. */
export function createDecoder<Value = DecodedEvent>(
  readerSchemaOf: (topic: string) => RecordSchema | undefined,
  fetchWriterSchema: FetchWriterSchema,
): Decoder<Value> {
  const writers = new Map<number, Type>();
  const absent = new Map<number, string>();
  const reads = new Map<string, Map<number, Read<Value>>>();

  async function fetch(id: number): Promise<void> {
    const text = await fetchWriterSchema(id);
    if (absent.size >= absentIdsMax) absent.clear();
    if (text === null) absent.set(id, `the registry has no schema ${id}`);
    else {
      try {
        writers.set(id, avroTypeOf(text));
      } catch (cause) {
        absent.set(
          id,
          `schema ${id} is not one that can be read: ${cause instanceof Error ? cause.message : String(cause)}`,
        );
      }
    }
  }

  function readOf(topic: string, id: number): Read<Value> {
    const writer = writers.get(id);
    if (writer === undefined) {
      const problem = absent.get(id);
      if (problem !== undefined) throw new Error(problem);
      throw new UnknownSchemaId(id);
    }
    const schema = readerSchemaOf(topic);
    if (schema === undefined) throw new Error(`the topic ${topic} has no schema`);
    return createRead<Value>(schema, writer);
  }

  function decodeAt(topic: string, bytes: Buffer, start: number, end: number, key: string): Value {
    const id = schemaIdAt(bytes, start, end);
    let ofTopic = reads.get(topic);
    if (ofTopic === undefined) {
      ofTopic = new Map();
      reads.set(topic, ofTopic);
    }
    let read = ofTopic.get(id);
    if (read === undefined) {
      read = readOf(topic, id);
      ofTopic.set(id, read);
    }
    return read(bytes, start + prefixBytes, end, key);
  }

  return {
    prepare: async (ids) => {
      const wanted = [...new Set(ids)].filter((id) => !writers.has(id) && !absent.has(id));
      await Promise.all(wanted.map(fetch));
    },
    decode: (topic, value) => decodeAt(topic, value, 0, value.length, ''),
    decodeAt,
  };
}

/** Where both schemas are the same to the letter, which is nearly always, reading is compiled; else avsc resolves. */
function createRead<Value>(schema: RecordSchema, writer: Type): Read<Value> {
  // The schema of a mirrored table grows while it is read: a record says what its writer knew, and no more.
  const isMirrored = schema.postgres !== undefined && writer.name === nameIn(schema);
  const reader = isMirrored ? writer : typeOf(schema);
  const isSame = layoutOf(reader) === layoutOf(writer);
  // What is compiled reads longs as numbers; a mirrored table has all 64 bits.
  const compiled = isSame && schema.postgres === undefined ? compileReader(schema) : null;
  if (compiled !== null) return compiled as Read<Value>;
  const resolver = isSame ? undefined : reader.createResolver(writer);
  return (bytes, start, end) => reader.fromBuffer(bytes.subarray(start, end), resolver) as Value;
}

function nameIn({ namespace, name }: RecordSchema): string {
  return namespace === undefined ? name : `${namespace}.${name}`;
}

/** Everything that decides how bytes are read: names and types with their logical types, but no docs. */
function layoutOf(type: Type): string {
  return JSON.stringify(type.schema({ exportAttrs: true }));
}
