import type avsc from 'avsc';
import type { ClientBase } from 'pg';
import { prefixBytes, schemaIdOf } from '../../avro/codec.ts';
import { truncateKey } from '../../avro/envelope.ts';
import { recordSchemaOf } from '../../avro/schemas.ts';
import { avroTypeOf } from '../../avro/types.ts';
import type { StoreSchema } from '../../connectors/sink/settings.ts';

/** The envelope begins every event and has never been another: far less than this is in front of the items. */
const headBytes = 1_024;
const envelopeFields = ['recordType', 'senderId', 'createdAt', 'correlationId', 'source'];

/**
 * Topic → dead letters that the source has not counted among what it captured: records that somebody else has put on the
 * topic, and truncates, which are on every partition and counted on the first. However they ended: the source will never
 * count them.
 */
export async function lettersNotCaptured(
  client: ClientBase,
  schema: StoreSchema,
  source: string,
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ topic: string; partition: number; key: Buffer | null; head: Buffer | null }>(
    `SELECT topic, partition, key, substring(value FROM 1 FOR ${headBytes}) AS head FROM ${schema}.dead_letter WHERE source = $1`,
    [source],
  );
  const found = new Map<string, number>();
  for (const { topic, partition, key, head } of rows) {
    const isRepeated = key?.toString('utf8') === truncateKey && partition !== 0;
    if (!isRepeated && head !== null && namesSource(head, source)) continue;
    found.set(topic, (found.get(topic) ?? 0) + 1);
  }
  return found;
}

/**
 * Did the source write it? What it writes begins with a schema id and the envelope, in which its name is, and that can be
 * read whatever has become of the schema. A record of somebody else does not say that it is the source's.
 */
export function namesSource(value: Buffer, source: string): boolean {
  try {
    schemaIdOf(value);
    const { value: event, offset } = envelopeType().decode(value, prefixBytes);
    return offset > 0 && (event as { source: { name: string } }).source.name === source;
  } catch {
    return false;
  }
}

let envelope: avsc.Type | null = null;

function envelopeType(): avsc.Type {
  const schema = recordSchemaOf('metering-point');
  const fields = schema.fields.filter(({ name }) => envelopeFields.includes(name));
  return (envelope ??= avroTypeOf(JSON.stringify({ ...schema, fields })));
}
