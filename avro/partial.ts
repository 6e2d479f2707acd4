import type avsc from 'avsc';
import { avroTypeOf } from './types.ts';

/** What could be read of a record's body, field after field, and where it went wrong. */
export interface PartialRecord {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Null when every field could be read; then `left` says whether bytes are left over. */
  readonly failed: { readonly field: string; readonly at: number; readonly reason: string } | null;
  /** Bytes behind what was read. */
  readonly left: number;
}

/** Reads as many fields of a record as can be read. `schema`: the writer's, as the registry has it. Throws when it is no record. */
export function readPartially(schema: string, body: Buffer): PartialRecord {
  const type = avroTypeOf(schema) as avsc.types.RecordType;
  const fields: Record<string, unknown> = {};
  let at = 0;
  for (const field of type.fields) {
    const failed = (reason: string): PartialRecord => ({
      fields,
      failed: { field: field.name, at, reason },
      left: body.length - at,
    });
    let end: number;
    try {
      const { value, offset } = field.type.decode(body, at);
      end = offset;
      // Avro says with a negative offset that bytes are missing.
      if (end < 0 || end > body.length) return failed(`it needs more bytes than the ${body.length - at} that are left`);
      fields[field.name] = value;
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
    at = end;
  }
  return { fields, failed: null, left: body.length - at };
}
