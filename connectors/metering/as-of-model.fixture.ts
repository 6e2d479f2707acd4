/**
 * What as-of means, thought through day by day and without any cleverness (P27). A day is the number of days since
 * 1970-01-01; a moment is epoch microseconds.
 */

export type Value = string | number | boolean | null;
export type Row = Readonly<Record<string, Value>>;

/** Something that was told of one key: its row, or null for its delete. */
export interface Fact {
  readonly key: string;
  readonly at: number;
  readonly row: Row | null;
}

const dayNames = new Intl.DateTimeFormat('en-CA', {
  timeZone: 'Europe/London',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
});

/** The date of a moment in Europe/London, by the calendar of the platform. */
export function dateOf(at: number): number {
  return Date.parse(`${dayNames.format(at / 1000)}T00:00:00Z`) / 86_400_000;
}

/** Every day that a test may ask for or an EFD may name. */
interface Days {
  readonly from: number;
  readonly to: number;
}

/** A belief for each day; telling something from a day on replaces what was believed from there on. */
class Belief<T> {
  private readonly days: Days;
  private readonly values: T[];

  constructor(days: Days, before: T) {
    this.days = days;
    this.values = Array.from({ length: days.to - days.from + 1 }, () => before);
  }

  tell(from: number, value: T): void {
    for (let day = Math.max(from, this.days.from); day <= this.days.to; day += 1)
      this.values[day - this.days.from] = value;
  }

  on(day: number): T | undefined {
    return this.values[day - this.days.from];
  }
}

const groups = [
  ['supplier_mpid', 'supplier_efd'],
  ['data_service_mpid', 'data_service_efd'],
  ['metering_service_mpid', 'metering_service_efd'],
] as const;

/** A metering point on a day as it was known at a moment: its row, or null when it did not exist. */
export function pointAsOf(facts: readonly Fact[], day: number, knownAt: number, days: Days): Row | null {
  const exists = new Belief(days, false);
  const others = new Belief<Row>(days, {});
  const believed = groups.map(() => new Belief<Row>(days, {}));
  const lastTold: (string | null)[] = groups.map(() => null);
  let isFirst = true;
  let isThere = false;
  for (const { at, row } of facts) {
    if (at > knownAt) break;
    const today = dateOf(at);
    if (row === null) {
      exists.tell(today, false);
      isThere = false;
      continue;
    }
    const begin = (efd: string): number => (typeof row[efd] === 'number' ? row[efd] : today);
    const smallest = Math.min(...groups.map(([, efd]) => begin(efd)));
    if (isFirst) exists.tell(smallest, true);
    else if (!isThere) exists.tell(Math.max(smallest, today), true);
    others.tell(isFirst ? Number.NEGATIVE_INFINITY : today, row);
    for (const [index, [mpid, efd]] of groups.entries()) {
      const told = JSON.stringify([row[mpid], row[efd]]);
      if (told === lastTold[index]) continue;
      lastTold[index] = told;
      believed[index]?.tell(begin(efd), row);
    }
    isFirst = false;
    isThere = true;
  }
  if (exists.on(day) !== true) return null;
  const answer: Record<string, Value> = { ...others.on(day) };
  for (const [index, [mpid, efd]] of groups.entries()) {
    answer[mpid] = believed[index]?.on(day)?.[mpid] ?? null;
    answer[efd] = believed[index]?.on(day)?.[efd] ?? null;
  }
  return answer;
}

/** Items of an appointment that no date of its own goes with. */
const undated = ['meter_id', 'contract_reference'] as const;

interface Period {
  readonly rows: Fact[];
  /** A period that is made again does not begin before the day on which it was. */
  readonly notBefore: number;
  readonly undated: Belief<Row>;
  goneOn: number | null;
}

/** The appointment of a metering point on a day as it was known at a moment, or null when nobody was appointed. */
export function appointmentAsOf(facts: readonly Fact[], day: number, knownAt: number, days: Days): Row | null {
  const byId = new Map<string, Period[]>();
  for (const fact of facts) {
    const { key, at, row } = fact;
    if (at > knownAt) break;
    const periods = byId.get(key) ?? [];
    byId.set(key, periods);
    const open = periods.findLast(({ goneOn }) => goneOn === null);
    if (row === null) {
      if (open !== undefined) open.goneOn = dateOf(at);
    } else if (open === undefined) {
      const before = periods.at(-1);
      const items = before?.undated ?? new Belief<Row>(days, row);
      if (before !== undefined) items.tell(dateOf(at), row);
      const notBefore = before === undefined ? Number.NEGATIVE_INFINITY : dateOf(at);
      periods.push({ rows: [fact], notBefore, undated: items, goneOn: null });
    } else {
      open.rows.push(fact);
      open.undated.tell(dateOf(at), row);
    }
  }
  const appointed = new Belief<Row | null>(days, null);
  const last = ({ rows }: Period): Fact | undefined => rows.at(-1);
  const all = [...byId.values()].flat();
  const ended = all.filter(({ goneOn }) => goneOn !== null);
  ended.sort((a, b) => facts.indexOf(last(a) as Fact) - facts.indexOf(last(b) as Fact));
  // What is appointed still is told last, and so goes before what was deleted.
  for (const period of [...ended, ...all.filter(({ goneOn }) => goneOn === null)]) {
    const row = last(period)?.row ?? {};
    const from = Math.max(Number(row['metering_service_efd']), period.notBefore);
    const etd = row['metering_service_etd'] ?? null;
    const through = Math.min(etd === null ? days.to : Number(etd), (period.goneOn ?? days.to + 1) - 1);
    if (day >= from && day <= through) appointed.tell(day, { ...row, ...undatedOn(period, day) });
  }
  return appointed.on(day) ?? null;
}

function undatedOn({ undated: items }: Period, day: number): Row {
  return Object.fromEntries(undated.map((name) => [name, items.on(day)?.[name] ?? null]));
}
