import type { TableRoute } from './contract.ts';
import { identifyingColumns } from './route-columns.ts';
import { isNull, type Tuple } from './tuple.ts';

/**
 * Whether a change of a partitioned table says what its row was. The server announces the root with the root's replica
 * identity, and marks old rows by it, but what is in them is decided by the partition's own, which is another one where
 * a partition was made later. What it does not hold comes as NULL. A row of which everything but the key is NULL can
 * not be told from that, and is taken for it.
 */
export class IdentityGuard {
  readonly #key: readonly number[];
  readonly #others: readonly number[];
  readonly #isFull: boolean;
  /** More than the primary key decides topic and key. */
  readonly #needsMore: boolean;

  constructor(route: TableRoute, replicaIdentity: string, columns: readonly string[]) {
    this.#key = route.primaryKey.map((name) => columns.indexOf(name)).filter((at) => at >= 0);
    this.#others = columns.flatMap((name, at) => (route.primaryKey.includes(name) ? [] : [at]));
    this.#isFull = replicaIdentity === 'f' && this.#others.length > 0;
    this.#needsMore = identifyingColumns(route).length > route.primaryKey.length;
  }

  /** `old`: what was sent of the row that a delete deletes. */
  isDeleteBlind(old: Tuple): boolean {
    return this.#hasNoKey(old) || (this.#needsMore && this.#hasKeyOnly(old));
  }

  /** `old`: what was sent of the row as it was; null for nothing, which with a full identity can not be. */
  isUpdateBlind(old: Tuple | null): boolean {
    if (old === null) return this.#isFull && this.#needsMore;
    return this.#hasNoKey(old) || this.#hasKeyOnly(old);
  }

  #hasNoKey(old: Tuple): boolean {
    return this.#key.some((column) => old.length(column) === isNull);
  }

  #hasKeyOnly(old: Tuple): boolean {
    return this.#isFull && this.#others.every((column) => old.length(column) === isNull);
  }
}
