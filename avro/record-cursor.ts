/** Texts up to this length are looked up by their bytes before they are made. */
const cachedBytesMax = 12;
const slots = 64;
/** After so many texts it is known whether a field repeats itself. */
const trialTexts = 4_096;

/**
 * The texts of one field. Most items are codes, of which there are few: the same bytes give the same string again, which costs
 * no memory and compares by its address. A field of which most texts are new stops looking.
 */
class TextField {
  private readonly texts: string[] = Array.from({ length: slots }, () => '');
  private readonly bytes = new Uint8Array(slots * cachedBytesMax);
  private readonly lengths = new Int8Array(slots);
  private read = 0;
  private missed = 0;
  private repeats = true;

  text(bytes: Buffer, at: number, length: number): string {
    if (length > cachedBytesMax || !this.repeats) return bytes.toString('utf8', at, at + length);
    let hash = length;
    for (let index = 0; index < length; index += 1) hash = Math.imul(hash, 31) + (bytes[at + index] ?? 0);
    const slot = (hash ^ (hash >>> 9)) & (slots - 1);
    if (this.lengths[slot] === length && this.holds(slot, bytes, at, length)) return this.texts[slot] ?? '';
    return this.replace(slot, bytes, at, length);
  }

  private holds(slot: number, bytes: Buffer, at: number, length: number): boolean {
    const own = slot * cachedBytesMax;
    for (let index = 0; index < length; index += 1) if (this.bytes[own + index] !== bytes[at + index]) return false;
    return true;
  }

  private replace(slot: number, bytes: Buffer, at: number, length: number): string {
    const text = bytes.toString('utf8', at, at + length);
    this.missed += 1;
    this.read += 1;
    if (this.read === trialTexts) this.repeats = false;
    this.texts[slot] = text;
    this.lengths[slot] = length;
    bytes.copy(this.bytes, slot * cachedBytesMax, at, at + length);
    return text;
  }
}
