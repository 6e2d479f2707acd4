import { type FieldType, isUnion, type SchemaField } from '../../avro/schemas.ts';
import { Fault } from '../../runtime/fault.ts';
import { writeDouble, writeHexBytes, writeInt64 } from './exact-codecs.ts';
import { writeTextArray } from './text-array.ts';
import {
  decimalCodec,
  type TextCodec,
  writeBigint,
  writeBoolean,
  writeDate,
  writeInt,
  writeText,
  writeTimestamp,
} from './text-to-avro.ts';

export interface ItemCodec {
  readonly codec: TextCodec;
  /** The byte that chooses null in the item's union … */
  readonly nullByte: number;
  /** … and the one that chooses its value. */
  readonly valueByte: number;
}

/** How an item is written. Items are nullable (bad data must be able to travel): any other schema is refused. */
export function codecOf(field: SchemaField): ItemCodec {
  const branches: readonly FieldType[] = isUnion(field.type) ? field.type : [];
  const nullBranch = branches.indexOf('null');
  const type = branches[1 - nullBranch];
  const codec = type === undefined ? null : codecOfType(type, field.postgres !== undefined);
  if (branches.length !== 2 || nullBranch < 0 || codec === null) {
    throw new Fault(
      'misconfigured',
      'SCHEMA_UNSUITABLE',
      `The schema's item ${field.name} is not a nullable type that the source can write.`,
      { item: field.name },
    );
  }
  return { codec, nullByte: nullBranch * 2, valueByte: (1 - nullBranch) * 2 };
}

function codecOfType(type: FieldType, isMirrored: boolean): TextCodec | null {
  if (typeof type === 'string') {
    switch (type) {
      case 'string':
        return writeText;
      case 'boolean':
        return writeBoolean;
      case 'int':
        return writeInt;
      case 'long':
        return isMirrored ? writeInt64 : writeBigint;
      case 'double':
        return writeDouble;
      case 'bytes':
        return writeHexBytes;
      default:
        return null;
    }
  }
  if (isUnion(type) || !('type' in type)) return null;
  switch (type.type) {
    case 'int':
      return type.logicalType === 'date' ? writeDate : null;
    case 'long':
      return type.logicalType.endsWith('timestamp-micros') ? writeTimestamp : null;
    case 'bytes':
      return type.logicalType === 'decimal' ? decimalCodec(type.precision ?? 0, type.scale ?? 0, isMirrored) : null;
    case 'array':
      return type.items === 'string' ? writeTextArray : null;
    case 'map':
    case 'record':
      return null;
  }
}
