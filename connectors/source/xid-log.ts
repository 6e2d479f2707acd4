/** What `pg_current_snapshot()` says: everything below `xmin` is visible, nothing from `xmax` on, and not `inProgress`. */
export interface DatabaseSnapshot {
  readonly xmin: number;
  readonly xmax: number;
  readonly inProgress: ReadonlySet<number>;
}

/** `10:20:10,14,15` */
export function parseSnapshot(text: string): DatabaseSnapshot {
  const [xmin = '', xmax = '', list = ''] = text.split(':');
  const inProgress = new Set(
    list
      .split(',')
      .filter((one) => one !== '')
      .map(Number),
  );
  return { xmin: Number(xmin), xmax: Number(xmax), inProgress };
}

const rememberedMax = 100_000;

/**
 * The transactions that were streamed lately. A transaction is streamed once its commit record is in the WAL, but may
 * become visible later (protocol P4): a chunk's snapshot must see all of these (P11).
 */
export class XidLog {
  /** In the order of their commits. Not a set: taking its oldest out again and again leaves holes, each passed every time. */
  #streamed: number[] = [];

  add(xid: number): void {
    this.#streamed.push(xid);
    if (this.#streamed.length >= 2 * rememberedMax) this.#streamed = this.#streamed.slice(rememberedMax);
  }

  /** A streamed transaction that the snapshot does not see, or null. Forgets those that every later snapshot sees. */
  invisibleIn(snapshot: DatabaseSnapshot): number | null {
    this.#streamed = this.#streamed.filter((xid) => xid >= snapshot.xmin);
    return this.#streamed.find((xid) => xid >= snapshot.xmax || snapshot.inProgress.has(xid)) ?? null;
  }
}
