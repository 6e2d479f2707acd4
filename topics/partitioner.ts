/**
 * The partition that Kafka's Java clients choose for a key: murmur2 of the bytes, made positive, modulo the number of
 * partitions. Consumers in any language may rely on it, and lanes do.
 */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions;
}

/** Kafka's 32-bit murmur2 (seed 0x9747b28c), as a signed number. */
export function murmur2(bytes: Uint8Array): number {
  const multiplier = 0x5bd1e995;
  const { length } = bytes;
  const wholeWords = length & ~3;
  let hash = 0x9747b28c ^ length;
  for (let at = 0; at < wholeWords; at += 4) {
    let word =
      byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
    word = Math.imul(word, multiplier);
    word ^= word >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier);
  }
  const rest = length - wholeWords;
  if (rest > 0) {
    if (rest === 3) hash ^= byteAt(bytes, wholeWords + 2) << 16;
    if (rest >= 2) hash ^= byteAt(bytes, wholeWords + 1) << 8;
    hash = Math.imul(hash ^ byteAt(bytes, wholeWords), multiplier);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  return hash ^ (hash >>> 15);
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
