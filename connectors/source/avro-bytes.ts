/** Avro's binary primitives, written into a buffer at an offset; each returns the offset after what it wrote. */

const shortCopyMax = 40;

/** Zigzag varint of any safe integer. */
export function writeLong(out: Buffer, at: number, value: number): number {
  if (value >= -0x2000_0000 && value < 0x2000_0000) {
    let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
    while (zigzag > 0x7f) {
      out[at++] = (zigzag & 0x7f) | 0x80;
      zigzag >>>= 7;
    }
    out[at++] = zigzag;
    return at;
  }
  // Doubling could leave the safe integers, so the sign bit goes into the first byte only.
  const magnitude = value < 0 ? -value - 1 : value;
  let rest = Math.floor(magnitude / 64);
  out[at++] = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0) | (rest > 0 ? 0x80 : 0);
  while (rest > 0) {
    const next = Math.floor(rest / 128);
    out[at++] = (rest % 128) | (next > 0 ? 0x80 : 0);
    rest = next;
  }
  return at;
}

/** Copies bytes; a loop beats the native call for the short values that rows are made of. */
export function copyBytes(out: Buffer, at: number, from: Buffer, start: number, length: number): number {
  if (length <= shortCopyMax) {
    for (let index = 0; index < length; index += 1) out[at + index] = from[start + index] ?? 0;
  } else {
    from.copy(out, at, start, start + length);
  }
  return at + length;
}

/** A string (or bytes) that is already UTF-8: length, then the bytes. */
export function writeBytes(out: Buffer, at: number, from: Buffer, start: number, length: number): number {
  return copyBytes(out, writeLong(out, at, length), from, start, length);
}

/** The minimal two's complement, big-endian bytes of an unscaled decimal, with their length: at most 9 bytes. */
export function writeDecimal(out: Buffer, at: number, unscaled: number): number {
  let bytes = 1;
  let limit = 0x80;
  while (unscaled >= limit || unscaled < -limit) {
    bytes += 1;
    limit *= 256;
  }
  out[at] = bytes << 1;
  let rest = unscaled;
  for (let index = bytes; index >= 1; index -= 1) {
    const next = Math.floor(rest / 256);
    out[at + index] = rest - next * 256;
    rest = next;
  }
  return at + 1 + bytes;
}

/** A JavaScript string as Avro: for constants and names, not for rows. */
export function encodedString(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const out = Buffer.alloc(bytes.length + 10);
  return out.subarray(0, writeBytes(out, 0, bytes, 0, bytes.length));
}
