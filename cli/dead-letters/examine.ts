import { prefixBytes, schemaIdOf, type Decoder } from '../../avro/codec.ts';
import type { DecodedEvent } from '../../avro/envelope.ts';
import { readPartially } from '../../avro/partial.ts';
import { plainValue } from '../../avro/plain.ts';
import type { SchemaRegistry } from '../../avro/registry.ts';
import type { RecordSchema } from '../../avro/schemas.ts';
import { Fault } from '../../runtime/fault.ts';
import { maskDigits } from '../../runtime/mask.ts';
import type { StoredLetter } from '../../connectors/sink/redrive.ts';

/** What a dead letter says when it is looked at now. */
export interface Examination {
  /** The schema that the record names; null when it names none. */
  readonly schemaId: number | null;
  /** What the registry says of that id. */
  readonly schema: string;
  /** The event, when it can be read now: the reason has gone. */
  readonly event: DecodedEvent | null;
  /** The event for people, or the fields that could be read. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Why it can not be read; null when it can. */
  readonly problem: string | null;
}

/** Reads as much of the letter as can be read. A registry that is away is a fault, and says nothing about the letter. */
export async function examine(
  letter: StoredLetter,
  decoder: Decoder<DecodedEvent>,
  registry: SchemaRegistry,
  own: RecordSchema | null,
): Promise<Examination> {
  const value = letter.value ?? Buffer.alloc(0);
  const nothing = { schemaId: null, event: null, fields: {} };
  let schemaId: number;
  try {
    schemaId = schemaIdOf(value);
  } catch (error) {
    return { ...nothing, schema: 'the record names no schema', problem: textOf(error) };
  }
  try {
    await decoder.prepare([schemaId]);
    const event = decoder.decode(letter.topic, value);
    const fields = own === null ? {} : plainValue(own, event);
    return { schemaId, schema: 'the registry has it', event, fields, problem: null };
  } catch (error) {
    if (error instanceof Fault) throw error;
    const problem = textOf(error);
    const text = await registry.schemaById(schemaId);
    const written = text ?? (own === null ? null : JSON.stringify(own));
    const schema =
      text === null
        ? "the registry has no such schema; the fields below are read by the topic's own"
        : 'the registry has it';
    return { schemaId, event: null, schema, ...partially(written, value.subarray(prefixBytes), problem) };
  }
}

function partially(schema: string | null, body: Buffer, problem: string): Pick<Examination, 'fields' | 'problem'> {
  if (schema === null) return { fields: {}, problem };
  try {
    const { fields, failed, left } = readPartially(schema, body);
    if (failed !== null) {
      const where = `field \`${failed.field}\`, byte ${failed.at + prefixBytes} of the value: ${textOf(failed.reason)}`;
      return { fields, problem: `${problem} (${where})` };
    }
    return { fields, problem: left === 0 ? problem : `${problem} (${left} bytes are left over behind the last field)` };
  } catch (error) {
    return { fields: {}, problem: `${problem} (${textOf(error)})` };
  }
}

function textOf(error: unknown): string {
  return maskDigits(error instanceof Error ? error.message : String(error));
}
