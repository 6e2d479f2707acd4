import avsc from 'avsc';
import type { RecordSchema } from './schemas.ts';

const { Type, types } = avsc;

/**
 * decimal(precision, scale) as an integer number of units of the scale: 1.045 with scale 6 is 1045000. On the wire it
 * is the unscaled value in two's complement, big-endian. Up to 15 digits fit a JavaScript number.
 */
class DecimalType extends types.LogicalType {
  readonly precision: number;
  readonly scale: number;
  private readonly limit: number;

  constructor(schema: avsc.Schema, options?: unknown) {
    super(schema, options);
    const { precision, scale = 0 } = schema as { precision?: number; scale?: number };
    if (precision === undefined || precision < 1 || precision > 15 || scale < 0 || scale > precision) {
      throw new Error(`decimal(${precision}, ${scale}) is not supported`);
    }
    this.precision = precision;
    this.scale = scale;
    this.limit = 10 ** precision;
  }

  protected override _fromValue(bytes: Buffer): number {
    return decodeDecimal(bytes);
  }

  protected override _toValue(value: unknown): Buffer | undefined {
    if (typeof value !== 'number' || !Number.isInteger(value) || Math.abs(value) >= this.limit) return undefined;
    return encodeDecimal(value);
  }

  /** Another scale would multiply every value: that is no evolution. A wider precision is. */
  protected override _resolve(writer: avsc.Type): ((value: number) => number) | undefined {
    if (!(writer instanceof DecimalType) || writer.scale !== this.scale || writer.precision > this.precision)
      return undefined;
    return (value) => value;
  }

  protected override _export(schema: avsc.Schema): void {
    Object.assign(schema, { precision: this.precision, scale: this.scale });
  }
}

/** The unscaled value of a decimal as the shortest two's complement big-endian bytes. */
export function encodeDecimal(units: number): Buffer {
  if (!Number.isSafeInteger(units)) throw new RangeError(`not a safe integer: ${units}`);
  let length = 1;
  while (units < -(2 ** (8 * length - 1)) || units >= 2 ** (8 * length - 1)) length += 1;
  const bytes = Buffer.allocUnsafe(length);
  let rest = units;
  for (let index = length - 1; index >= 0; index -= 1) {
    const low = ((rest % 256) + 256) % 256;
    bytes[index] = low;
    rest = (rest - low) / 256;
  }
  return bytes;
}

/** The inverse of `encodeDecimal`; longer bytes than needed are read too. Throws a RangeError beyond 2^53. */
export function decodeDecimal(bytes: Buffer): number {
  const first = bytes[0];
  if (first === undefined) throw new RangeError('a decimal of no bytes');
  let units = first < 128 ? first : first - 256;
  for (let index = 1; index < bytes.length; index += 1) units = units * 256 + (bytes[index] ?? 0);
  if (!Number.isSafeInteger(units)) throw new RangeError('a decimal beyond 2^53');
  return units;
}

/**
 * The avsc type of a schema, as this project reads and writes values: unions unwrapped, `date` the number of days and
 * `timestamp-micros` the number of microseconds (both logical types are left to their underlying int and long),
 * `decimal` an integer number of units.
 */
export function avroType(schema: RecordSchema): avsc.Type {
  return Type.forSchema(schema as unknown as avsc.Schema, {
    wrapUnions: 'never',
    ...(schema.postgres === undefined ? {} : { typeHook: wideLongs }),
    logicalTypes: { decimal: DecimalType as unknown as new (schema: avsc.Schema) => avsc.types.LogicalType },
    omitRecordMethods: true,
  });
}

/** The avsc type of the text that a registry returns, with the same readings. Throws when it is not a schema. */
export function avroTypeOf(text: string): avsc.Type {
  return avroType(JSON.parse(text) as RecordSchema);
}

/** A mirrored table has all 64 bits: a number where it is one exactly, else a bigint. Elsewhere longs are numbers only. */
const wideLong = types.LongType.__with({
  fromBuffer: (bytes: Buffer) => {
    const value = bytes.readBigInt64LE();
    return BigInt.asIntN(53, value) === value ? Number(value) : value;
  },
  toBuffer: (value: number | bigint) => {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: (value: number | bigint) => value,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (a: number | bigint, b: number | bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

function wideLongs(schema: unknown): avsc.Type | undefined {
  if (schema === 'long') return wideLong;
  return typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long'
    ? wideLong
    : undefined;
}
