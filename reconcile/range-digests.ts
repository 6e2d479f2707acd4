import type { DigestText } from './digests.ts';

/** Pages whose rows have one digest: a change costs the reading of so many. */
export const pagesPerRange = 8;
/** Ranges that are kept together, and read by one query. */
export const rangesPerPart = 512;

const bytesPerRange = 24;
/** Instead of a number of rows: nothing is known of the range. */
const unknown = -1;

/** What a query tells of one range. `unseen`: rows that have no digest because the point does not see them. */
export interface RangeRow {
  readonly digest: DigestText;
  readonly notOurs: number;
  readonly unseen: number;
}

/**
 * The digests of one table's rows on one side by ranges of pages: some known from an earlier run, the others to be read.
 * What is read and not all seen counts now and is not known later: then it may be seen although nobody has written the page.
 */
export class RangeDigests {
  readonly count: number;
  /** Ranges that were read, or are to be. */
  readonly missing: readonly number[];
  readonly #rows: Int32Array;
  readonly #notOurs: Int32Array;
  readonly #xor: BigInt64Array;
  readonly #sum: BigInt64Array;
  readonly #unsettled = new Set<number>();

  /** `written`: must a range be read although it is known? */
  constructor(count: number, known: ReadonlyMap<number, Buffer>, written: (range: number) => boolean) {
    this.count = count;
    this.#rows = new Int32Array(count).fill(unknown);
    this.#notOurs = new Int32Array(count);
    this.#xor = new BigInt64Array(count);
    this.#sum = new BigInt64Array(count);
    for (const [part, bytes] of known) this.#decode(part, bytes);
    const missing: number[] = [];
    for (let range = 0; range < count; range += 1) {
      if (this.#rows[range] === unknown || written(range)) missing.push(range);
    }
    this.missing = missing;
  }

  take(range: number, { digest: [rows, xor, sum], notOurs, unseen }: RangeRow): void {
    this.#rows[range] = Number(rows);
    this.#notOurs[range] = notOurs;
    this.#xor[range] = BigInt(xor);
    this.#sum[range] = BigInt(sum);
    if (unseen > 0) this.#unsettled.add(range);
  }

  /** Of the whole table, once every missing range is taken. */
  get total(): { readonly digest: DigestText; readonly notOurs: number } {
    let rows = 0;
    let notOurs = 0;
    let xor = 0n;
    let sum = 0n;
    for (let range = 0; range < this.count; range += 1) {
      const own = this.#rows[range] ?? unknown;
      if (own === unknown) throw new RangeError(`range ${range} was not read`);
      rows += own;
      notOurs += this.#notOurs[range] ?? 0;
      xor ^= this.#xor[range] ?? 0n;
      sum += this.#sum[range] ?? 0n;
    }
    return { digest: [String(rows), String(xor), String(sum)], notOurs };
  }

  get parts(): number {
    return Math.ceil(this.count / rangesPerPart);
  }

  /** Part → its digests, of those parts in which something was read. */
  get changedParts(): ReadonlyMap<number, Buffer> {
    const parts = new Set(this.missing.map((range) => Math.floor(range / rangesPerPart)));
    return new Map([...parts].map((part) => [part, this.#encode(part)]));
  }

  #encode(part: number): Buffer {
    const from = part * rangesPerPart;
    const to = Math.min(this.count, from + rangesPerPart);
    const bytes = Buffer.alloc((to - from) * bytesPerRange);
    for (let range = from; range < to; range += 1) {
      const at = (range - from) * bytesPerRange;
      bytes.writeInt32LE(this.#unsettled.has(range) ? unknown : (this.#rows[range] ?? unknown), at);
      bytes.writeInt32LE(this.#notOurs[range] ?? 0, at + 4);
      bytes.writeBigInt64LE(this.#xor[range] ?? 0n, at + 8);
      bytes.writeBigInt64LE(this.#sum[range] ?? 0n, at + 16);
    }
    return bytes;
  }

  #decode(part: number, bytes: Buffer): void {
    const from = part * rangesPerPart;
    const to = Math.min(this.count, from + bytes.length / bytesPerRange);
    for (let range = from; range < to; range += 1) {
      const at = (range - from) * bytesPerRange;
      this.#rows[range] = bytes.readInt32LE(at);
      this.#notOurs[range] = bytes.readInt32LE(at + 4);
      this.#xor[range] = bytes.readBigInt64LE(at + 8);
      this.#sum[range] = bytes.readBigInt64LE(at + 16);
    }
  }
}
