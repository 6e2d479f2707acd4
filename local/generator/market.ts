import type { Day } from './calendar.ts';
import type { Random, Weighted } from './random.ts';
import { roles, supplierWeights } from './reference.ts';
import type { DistributorRow, ParticipantRow } from './rows.ts';

/** A network as the reference data gives it: who has the prefix, where and when. */
export interface Territory {
  readonly distributor: string;
  readonly groups: readonly string[];
  readonly from: Day;
  readonly to: Day | null;
}

interface Holder extends Weighted<string> {
  readonly from: Day;
}

/** Who takes part, so that clean rows name only those who hold their role on the day. */
export class Market {
  readonly #suppliers: readonly Holder[];
  readonly #maps: readonly Holder[];
  readonly #territories = new Map<string, Territory>();

  constructor(participants: readonly ParticipantRow[], distributors: readonly DistributorRow[]) {
    this.#suppliers = holders(participants, roles.supplier);
    this.#maps = holders(participants, roles.map);
    for (const row of distributors) {
      const known = this.#territories.get(row.prefix);
      this.#territories.set(row.prefix, {
        distributor: row.distributor_mpid,
        groups: [...(known?.groups ?? []), row.gsp_group],
        from: row.effective_from,
        to: row.effective_to,
      });
    }
  }

  /** Is there anybody to buy from and anybody to rent a meter from? */
  get complete(): boolean {
    return this.#suppliers.length > 1 && this.#maps.length > 0 && this.#territories.size > 0;
  }

  territory(prefix: string): Territory | null {
    return this.#territories.get(prefix) ?? null;
  }

  /** A supplier that holds its role on the day, by its share of the market, and is not `except`. */
  supplier(random: Random, day: Day, except: string | null = null): string {
    const open = this.#suppliers.filter((holder) => holder.from <= day && holder.value !== except);
    return random.weighted(open);
  }

  isSupplier(mpid: string | null, day: Day): boolean {
    return this.#suppliers.some((holder) => holder.value === mpid && holder.from <= day);
  }

  map(random: Random, day: Day): string {
    return random.pick(this.#maps.filter((holder) => holder.from <= day)).value;
  }

  isMap(mpid: string | null, day: Day): boolean {
    return this.#maps.some((holder) => holder.value === mpid && holder.from <= day);
  }
}

/** Those who hold the role for good and whose MPID is letters only: nobody in a clean row gives cause for a warning. */
function holders(participants: readonly ParticipantRow[], role: string): Holder[] {
  return participants
    .filter((row) => row.role === role && row.effective_to === null && /^[A-Z]{4}$/.test(row.mpid))
    .map((row) => ({ value: row.mpid, weight: supplierWeights.get(row.mpid) ?? 0.3, from: row.effective_from }));
}
