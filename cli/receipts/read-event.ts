import { type Decoder, schemaIdOf } from '../../avro/codec.ts';
import type { DecodedEvent } from '../../avro/envelope.ts';
import { Fault } from '../../runtime/fault.ts';
import type { FetchedRecord } from '../../topics/contract.ts';

/** The event of a record; null for a tombstone, and for what can not be decoded. */
export async function readEvent(
  decoder: Decoder<DecodedEvent>,
  topic: string,
  { value }: FetchedRecord,
): Promise<DecodedEvent | null> {
  if (value === null) return null;
  try {
    await decoder.prepare([schemaIdOf(value)]);
    return decoder.decode(topic, value);
  } catch (error) {
    // A registry that is away is told; what can not be decoded is nobody's event.
    if (error instanceof Fault) throw error;
    return null;
  }
}
