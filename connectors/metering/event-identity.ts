import { createHash } from 'node:crypto';
import type { Position } from '../../avro/position.ts';

/** What makes an event itself (P1), with what is said about it: the same in every replay. */
export interface Identity {
  readonly source: string;
  readonly position: Position;
  readonly entity: string;
  readonly key: string;
  readonly recordType: string;
  /** `held`, or receiver and revision of a rejection (P18). */
  readonly role: string;
}

/** A uuid that is a function of the identity. */
export function identityUuid({ source, position, entity, key, recordType, role }: Identity): string {
  const text = JSON.stringify([
    source,
    position.generation,
    position.lsn,
    position.ordinal,
    entity,
    key,
    recordType,
    role,
  ]);
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
