import { defects } from '../defects.ts';
import type { Market } from '../market.ts';
import type { Random, Weighted } from '../random.ts';
import { prefixWeights, roles } from '../reference.ts';
import type { ParticipantRow, PointRow } from '../rows.ts';
import type { Circumstances } from '../unit.ts';
import { cancelSwitch, connect, isClosed, newMpan, switchSupplier } from './business.ts';
import { spoilt } from './dirt.ts';
import { type Kind, kinds, simpleChanges, smallChanges } from './kinds.ts';
import { repaired } from './repair.ts';
import { differences, livingUnit, type LivingUnit, nothingThere, type RowChange } from './state.ts';

/** What one business event makes of a unit: each further state goes in a transaction of its own. */
export interface Plan {
  readonly kind: Kind;
  readonly before: LivingUnit;
  readonly states: readonly LivingUnit[];
  /** The rule that is broken on purpose. */
  readonly code?: string;
}

export interface Transaction {
  readonly changes: readonly RowChange[];
  readonly plans: readonly Pick<Plan, 'kind' | 'code'>[];
}

/** Transactions of 1–50 rows: most are one business event, some are a batch of them. */
const eventsPerTransaction: readonly Weighted<readonly [number, number]>[] = [
  { value: [1, 1], weight: 55 },
  { value: [2, 5], weight: 30 },
  { value: [6, 14], weight: 15 },
];
const dirtyRowsToEvents = 2.4;
const cancelledShare = 0.17;
const repairedShare = 0.8;

/**
 * Decides what happens next in the registration database. It knows no database: units come in as they stand, and
 * transactions come out. What has to be looked at again later (a switch to be called off, a bad record to be put
 * right, a supplier that the reference data does not know yet) it remembers by key.
 */
export class Planner {
  readonly #random: Random;
  readonly #dirtyShare: number;
  readonly #revisits: { readonly mpanCore: string; readonly due: number }[] = [];
  readonly #arrivals: { readonly row: ParticipantRow; readonly mpanCore: string; readonly due: number }[] = [];
  readonly #busy = new Set<string>();
  #carried: { plan: Plan; from: number }[] = [];
  #transactions = 0;
  #defect: number;
  #referenceVersion: number;

  constructor(random: Random, dirtyShare: number, referenceVersion: number) {
    this.#random = random;
    this.#dirtyShare = dirtyShare;
    this.#referenceVersion = referenceVersion;
    this.#defect = random.integer(defects.length);
  }

  /** The keys that are due to be looked at again, at most `limit`. */
  dueRevisits(limit: number): string[] {
    const due = this.#revisits.filter((revisit) => revisit.due <= this.#transactions).slice(0, limit);
    for (const revisit of due) this.#revisits.splice(this.#revisits.indexOf(revisit), 1);
    return due.map((revisit) => revisit.mpanCore).filter((mpanCore) => !this.#busy.has(mpanCore));
  }

  /** Transactions that make something happen to these units, which are as the database has them. */
  *plan(units: readonly LivingUnit[], revisited: ReadonlySet<string>, setting: Circumstances): Generator<Transaction> {
    let wanted = this.#eventCount();
    let gathered: Plan[] = [];
    for (const unit of units) {
      const plan = this.#busy.has(unit.mpanCore) ? null : this.#planUnit(unit, revisited.has(unit.mpanCore), setting);
      if (plan === null) continue;
      gathered.push(plan);
      if (gathered.length < wanted) continue;
      yield this.#transaction(gathered);
      yield* this.#carriedTransactions();
      gathered = [];
      wanted = this.#eventCount();
    }
    if (gathered.length > 0) yield this.#transaction(gathered);
    yield* this.#carriedTransactions();
  }

  /** Reference data whose time has come; `all` takes what is still to come as well, for the end of a run. */
  *arrivals(all = false): Generator<Transaction & { readonly participant: ParticipantRow }> {
    for (const arrival of this.#arrivals.filter(({ due }) => all || due <= this.#transactions)) {
      this.#arrivals.splice(this.#arrivals.indexOf(arrival), 1);
      this.#busy.delete(arrival.mpanCore);
      this.#referenceVersion += 1;
      const participant = { ...arrival.row, reference_version: this.#referenceVersion };
      const changes: RowChange[] = [{ table: 'participant', operation: 'insert', row: participant }];
      yield { changes, plans: [{ kind: 'reference-data' }], participant };
    }
  }

  #eventCount(): number {
    return this.#random.between(...this.#random.weighted(eventsPerTransaction));
  }

  #planUnit(unit: LivingUnit, revisited: boolean, setting: Circumstances): Plan | null {
    const good = repaired(unit, setting);
    if (good !== null) return { kind: 'repair', before: unit, states: [good] };
    if (!isServed(unit)) return null;
    if (revisited) {
      const called = cancelSwitch(unit, setting);
      return called === null ? null : { kind: 'cancelled-switch', before: unit, states: [called] };
    }
    if (this.#random.chance(this.#dirtyShare * dirtyRowsToEvents)) return this.#spoil(unit, setting);
    return this.#happen(this.#random.weighted(kinds), unit, setting);
  }

  #happen(kind: Kind, unit: LivingUnit & { readonly point: PointRow }, setting: Circumstances): Plan | null {
    const { random, today } = setting;
    if (kind === 'new-connection') {
      const made = connect(newMpan(random.weighted(prefixWeights), setting), today + random.between(-5, 20), setting);
      if (made === null || isClosed(livingUnit(made), setting.market)) return null;
      return { kind, before: nothingThere(made.point.mpan_core), states: [livingUnit(made)] };
    }
    if (kind === 'delete-and-re-create') return deleteAndReCreate(unit, setting);
    if (kind === 'several-in-a-day') return severalInADay(unit, setting);
    if (kind === 'new-supplier') return this.#switchToNewSupplier(unit, setting);
    const after = simpleChanges[kind]?.(unit, setting) ?? null;
    if (after === null) return null;
    if (kind === 'switch' && random.chance(cancelledShare)) this.#revisit(unit.mpanCore);
    return { kind, before: unit, states: [after] };
  }

  #spoil(unit: LivingUnit & { readonly point: PointRow }, setting: Circumstances): Plan | null {
    // One more than there are defects: the last is the delete of a point that is still served.
    this.#defect = (this.#defect + 1) % (defects.length + 1);
    const made = spoilt(unit, defects[this.#defect] ?? null, setting);
    if (made === null) return null;
    if (this.#random.chance(repairedShare)) {
      for (const mpanCore of made.touched) this.#revisit(mpanCore);
    }
    return { kind: 'dirty', before: made.before, states: [made.after], code: made.code };
  }

  /** The business is ahead of the reference data: the switch comes first, the new supplier's entry some time later. */
  #switchToNewSupplier(unit: LivingUnit & { readonly point: PointRow }, setting: Circumstances): Plan | null {
    const mpid = newMpid(setting.random, setting.market);
    const after = switchSupplier(unit, setting, mpid);
    if (after === null) return null;
    const row: ParticipantRow = {
      mpid,
      role: roles.supplier,
      name: `Supplier ${mpid}`,
      effective_from: setting.today - setting.random.between(0, 30),
      effective_to: null,
      reference_version: 0,
    };
    this.#busy.add(unit.mpanCore);
    this.#arrivals.push({ row, mpanCore: unit.mpanCore, due: this.#transactions + this.#random.between(3, 40) });
    return { kind: 'new-supplier', before: unit, states: [after] };
  }

  #revisit(mpanCore: string): void {
    this.#revisits.push({ mpanCore, due: this.#transactions + this.#random.between(3, 100) });
  }

  #transaction(plans: readonly Plan[]): Transaction {
    this.#transactions += 1;
    const changes: RowChange[] = [];
    for (const plan of plans) {
      const [first] = plan.states;
      if (first === undefined) continue;
      const rows = differences(plan.before, first);
      // Within a transaction the order means nothing: a new appointment may come before the old one is ended. Only of
      // two that contradict each other the first is accepted, and it is the second that is meant to be refused.
      changes.push(...(plan.kind !== 'dirty' && this.#random.chance(0.2) ? rows.reverse() : rows));
      if (plan.states.length > 1) this.#carried.push({ plan, from: 1 });
    }
    return { changes, plans };
  }

  *#carriedTransactions(): Generator<Transaction> {
    while (this.#carried.length > 0) {
      const carried = this.#carried;
      this.#carried = [];
      for (const { plan, from } of carried) {
        const [before, after] = [plan.states[from - 1], plan.states[from]];
        if (before === undefined || after === undefined) continue;
        this.#transactions += 1;
        yield { changes: differences(before, after), plans: [] };
        if (from + 1 < plan.states.length) this.#carried.push({ plan, from: from + 1 });
      }
    }
  }
}

function isServed(unit: LivingUnit): unit is LivingUnit & { readonly point: PointRow } {
  return unit.point !== null;
}

/** Taken out in one transaction and entered anew in the next; what is entered begins in the days to come. */
function deleteAndReCreate(unit: LivingUnit & { readonly point: PointRow }, setting: Circumstances): Plan | null {
  if (isClosed(unit, setting.market)) return null;
  const again = connect(unit.mpanCore, setting.today + setting.random.between(1, 15), setting);
  if (again === null) return null;
  const states = [nothingThere(unit.mpanCore), livingUnit(again)];
  return { kind: 'delete-and-re-create', before: unit, states };
}

function severalInADay(unit: LivingUnit & { readonly point: PointRow }, setting: Circumstances): Plan | null {
  const states: LivingUnit[] = [];
  let state = unit;
  for (let left = setting.random.between(2, 6); left > 0; left -= 1) {
    const next = setting.random.pick(smallChanges)(state, setting);
    if (next === null || !isServed(next)) continue;
    states.push(next);
    state = next;
  }
  return states.length === 0 ? null : { kind: 'several-in-a-day', before: unit, states };
}

/** An MPID that no supplier has. */
function newMpid(random: Random, market: Market): string {
  const letter = (): string => String.fromCharCode(65 + random.integer(26));
  for (;;) {
    const mpid = `N${letter()}${letter()}${letter()}`;
    if (!market.isSupplier(mpid, Number.POSITIVE_INFINITY)) return mpid;
  }
}
