import { writeLong } from './avro-bytes.ts';
import { type TextCodec, unfit, writeBigint } from './text-to-avro.ts';

/** Codecs of mirrored tables, whose readers take all 64 bits. */

/** `bigint`: all of it. */
export const writeInt64: TextCodec = (out, at, text, start, length) => {
  if (length < 16) return writeBigint(out, at, text, start, length);
  const value = BigInt(text.toString('latin1', start, start + length));
  // Zigzag varint.
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  let cursor = at;
  while (rest > 0x7fn) {
    out[cursor] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
    cursor += 1;
  }
  out[cursor] = Number(rest);
  return cursor + 1;
};

/** `real` and `double precision`: PostgreSQL's `NaN` and `Infinity` are also JavaScript's. */
export const writeDouble: TextCodec = (out, at, text, start, length) => {
  out.writeDoubleLE(Number(text.toString('latin1', start, start + length)), at);
  return at + 8;
};

const backslash = 0x5c;

/** `bytea` as hexadecimal digits after `\x`. */
export const writeHexBytes: TextCodec = (out, at, text, start, length) => {
  if (text[start] !== backslash || length % 2 !== 0) return unfit;
  const bytes = (length - 2) / 2;
  const cursor = writeLong(out, at, bytes);
  return cursor + out.write(text.toString('latin1', start + 2, start + length), cursor, bytes, 'hex');
};
