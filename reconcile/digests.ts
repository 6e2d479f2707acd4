/** The digest of some rows: the same for the same rows, in whatever order and parts they are read. */
export interface Digest {
  rows: number;
  xor: bigint;
  sum: bigint;
}

/** What a bucket of keys has at the point, by its digests alone. */
export interface Bucket {
  /** Rows of the source that are ours. */
  readonly source: Digest;
  /** Rows that are not ours: not in the digest. */
  notOurs: number;
  /** Versions of the store, and with its refused events put in their place. */
  readonly store: Digest;
  versions: number;
  /** Keys whose refused event differs from their version. */
  rejected: number;
  held: number;
  loading: number;
  /** … of which so many have a row in the source, … */
  refusedInSource: number;
  /** … and so many one in the store. */
  refusedInStore: number;
}

export function emptyBucket(): Bucket {
  return {
    source: { rows: 0, xor: 0n, sum: 0n },
    notOurs: 0,
    store: { rows: 0, xor: 0n, sum: 0n },
    versions: 0,
    rejected: 0,
    held: 0,
    loading: 0,
    refusedInSource: 0,
    refusedInStore: 0,
  };
}

/** As the server tells one: numbers as text. */
export type DigestText = readonly [rows: string, xor: string, sum: string];

export function addDigest(to: Digest, [rows, xor, sum]: DigestText): void {
  to.rows += Number(rows);
  to.xor ^= BigInt(xor);
  to.sum += BigInt(sum);
}

export function takeDigest(from: Digest, [rows, xor, sum]: DigestText): void {
  from.rows -= Number(rows);
  from.xor ^= BigInt(xor);
  from.sum -= BigInt(sum);
}

export function sameDigest(a: Digest, b: Digest): boolean {
  return a.rows === b.rows && a.xor === b.xor && a.sum === b.sum;
}

/** The buckets of one table, and what its scan saw on the way. */
export class Buckets {
  readonly size: number;
  readonly #buckets: Bucket[];
  /** In a run since another: keys that were written since on either side, or that are no plain agreement. */
  readonly fresh = new Set<string>();
  /** The smallest LSN of something that the snapshot does not see; infinity for none. */
  horizon = Number.POSITIVE_INFINITY;

  /** `size`: a power of two. */
  constructor(size: number) {
    this.size = size;
    this.#buckets = Array.from({ length: size }, emptyBucket);
  }

  at(index: number): Bucket {
    const bucket = this.#buckets[index];
    if (bucket === undefined) throw new RangeError(`there is no bucket ${index}`);
    return bucket;
  }

  sees(lsn: string | null): void {
    if (lsn !== null) this.horizon = Math.min(this.horizon, Number(lsn));
  }

  get same(): readonly Bucket[] {
    return this.#buckets.filter(({ source, store }) => sameDigest(source, store));
  }

  get different(): readonly number[] {
    return this.#buckets.flatMap(({ source, store }, index) => (sameDigest(source, store) ? [] : [index]));
  }
}
