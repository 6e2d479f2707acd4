import { UnknownSchemaId } from '../../avro/codec.ts';
import { Fault } from '../../runtime/fault.ts';
import { maskDigits } from '../../runtime/mask.ts';
import type { DeadLetter } from './settings.ts';

/** The record, copied, with why it can not be read. */
export function deadLetterOf(record: Omit<DeadLetter, 'code' | 'reason'>, error: unknown): DeadLetter {
  return {
    ...record,
    key: record.key === null ? null : Buffer.from(record.key),
    value: Buffer.from(record.value),
    code: 'EVENT_UNREADABLE',
    reason: maskDigits(error instanceof Error ? error.message : String(error)),
  };
}

/** A failure that says nothing about the record must never send a good one to the dead letters. */
export function rethrowSystemic(error: unknown): void {
  if (error instanceof Fault) throw error;
  if (!(error instanceof UnknownSchemaId)) return;
  throw new Fault(
    'unavailable',
    'SCHEMA_NOT_FETCHED',
    `The writer's schema ${error.id} was forgotten before its record was read. The leg starts over and fetches it again.`,
    { schemaId: error.id },
    error,
  );
}
