/** Longer texts are made anew each time. */
const textBytesMax = 12;
const slots = 64;
/** After so many new texts it is asked whether looking is worth it. */
const newTextsMin = 1_000;

/**
 * The texts of one field. Most items are codes, of which there are few: the same bytes give the same string again, which
 * costs no memory and compares by its address. A field of which most texts are new stops looking.
 */
export class RepeatedText {
  private readonly texts: string[] = Array.from({ length: slots }, () => '');
  private readonly bytes = new Uint8Array(slots * textBytesMax);
  private readonly lengths = new Int8Array(slots);
  private found = 0;
  private made = 0;
  private repeats = true;

  read(bytes: Buffer, at: number, length: number): string {
    if (!this.repeats || length > textBytesMax) return bytes.toString('utf8', at, at + length);
    let hash = length;
    for (let index = at; index < at + length; index += 1) hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0;
    const slot = (hash ^ (hash >>> 7)) & (slots - 1);
    if (this.lengths[slot] !== length || !this.holds(slot * textBytesMax, bytes, at, length)) {
      return this.make(slot, bytes, at, length);
    }
    this.found += 1;
    return this.texts[slot] ?? '';
  }

  private holds(own: number, bytes: Buffer, at: number, length: number): boolean {
    for (let index = 0; index < length; index += 1) if (this.bytes[own + index] !== bytes[at + index]) return false;
    return true;
  }

  private make(slot: number, bytes: Buffer, at: number, length: number): string {
    const text = bytes.toString('utf8', at, at + length);
    this.made += 1;
    if (this.made > newTextsMin && this.made > this.found) this.repeats = false;
    this.texts[slot] = text;
    this.lengths[slot] = length;
    bytes.copy(this.bytes, slot * textBytesMax, at, at + length);
    return text;
  }
}
