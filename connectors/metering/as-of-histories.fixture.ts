import fc from 'fast-check';
import { dateOf, type Fact, type Row, type Value } from './as-of-model.fixture.ts';

/** Random histories of one metering point or of the appointments of one, about the days on which the clocks change. */

export const days = { from: dateOf(Date.UTC(2023, 10, 1) * 1000), to: dateOf(Date.UTC(2026, 0, 1) * 1000) };

/** Half an hour after midnight in London is the day before in UTC while British Summer Time lasts. */
const begins = [
  Date.UTC(2024, 2, 30, 23, 30),
  Date.UTC(2024, 2, 31, 0, 59),
  Date.UTC(2024, 2, 31, 23, 30),
  Date.UTC(2024, 5, 30, 22, 59),
  Date.UTC(2024, 9, 26, 22, 59),
  Date.UTC(2024, 9, 26, 23, 30),
  Date.UTC(2024, 9, 27, 0, 59),
  Date.UTC(2024, 9, 27, 23, 30),
];
const minute = 60_000_000;
const pauses = [1, minute, 31 * minute, 60 * minute, 23 * 60 * minute, 25 * 60 * minute, 6 * 1440 * minute];

interface Step {
  readonly pause: number;
  readonly isDelete: boolean;
  readonly key: number;
  readonly efds: readonly (number | null)[];
  readonly names: readonly string[];
  /** Which of the groups are said again as they were. */
  readonly keeps: readonly boolean[];
}

const efd = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -12, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(-90, 90) },
  { weight: 1, arbitrary: fc.constant(null) },
);

const step: fc.Arbitrary<Step> = fc.record({
  pause: fc.constantFrom(...pauses),
  isDelete: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  key: fc.nat(2),
  efds: fc.array(efd, { minLength: 3, maxLength: 3 }),
  names: fc.array(fc.constantFrom('AAAA', 'BBBB', 'CCCC'), { minLength: 4, maxLength: 4 }),
  keeps: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
});

const steps = fc.record({ begin: fc.constantFrom(...begins), steps: fc.array(step, { minLength: 1, maxLength: 9 }) });

function told(
  { begin, steps: all }: { begin: number; steps: readonly Step[] },
  rowOf: (one: Step, today: number, current: ReadonlyMap<string, Row>) => Row | null,
): readonly Fact[] {
  let at = begin * 1000;
  const current = new Map<string, Row>();
  const facts: Fact[] = [];
  for (const one of all) {
    at += one.pause;
    const key = String(one.key);
    if (one.isDelete && !current.has(key)) continue;
    const row = one.isDelete ? null : rowOf(one, dateOf(at), current);
    if (row === null && !one.isDelete) continue;
    facts.push({ key, at, row });
    if (row === null) current.delete(key);
    else current.set(key, row);
  }
  return facts;
}

export const pointHistories: fc.Arbitrary<readonly Fact[]> = steps.map((history) =>
  told({ ...history, steps: history.steps.map((one) => ({ ...one, key: 0 })) }, pointRow),
);

function pointRow({ efds, names, keeps }: Step, today: number, current: ReadonlyMap<string, Row>): Row {
  const before = current.get('0') ?? null;
  const row: Record<string, Value> = {};
  for (const [index, group] of ['supplier', 'data_service', 'metering_service'].entries()) {
    const days = efds[index] ?? null;
    const isKept = before !== null && keeps[index] === true;
    row[`${group}_mpid`] = isKept ? (before[`${group}_mpid`] ?? null) : (names[index] ?? null);
    row[`${group}_efd`] = isKept ? (before[`${group}_efd`] ?? null) : days === null ? null : today + days;
  }
  row['line_loss_factor_class'] =
    before !== null && keeps[3] === true ? (before['line_loss_factor_class'] ?? null) : (names[3] ?? null);
  row['opt_out'] = keeps[3] === true;
  return row;
}

/** No two that are appointed share a day: the rule book sees to that before history does. */
export const appointmentHistories: fc.Arbitrary<readonly Fact[]> = steps.map((history) =>
  told(history, appointmentRow),
);

function appointmentRow(
  { key, efds, names, keeps }: Step,
  today: number,
  current: ReadonlyMap<string, Row>,
): Row | null {
  const before = current.get(String(key));
  const from =
    before !== undefined && keeps[0] === true ? Number(before['metering_service_efd']) : today + (efds[0] ?? 0);
  const length = efds[1] ?? null;
  const to = length === null ? null : from + Math.abs(length);
  for (const [other, { metering_service_efd: begin, metering_service_etd: end }] of current) {
    if (other !== String(key) && from <= Number(end ?? days.to) && Number(begin) <= (to ?? days.to)) return null;
  }
  return {
    mpid: names[0] ?? null,
    metering_service_efd: from,
    metering_service_etd: to,
    meter_id: names[2] ?? null,
    contract_reference: names[3] ?? null,
  };
}

/** A date and a moment to ask about, near to what was told. */
export interface Question {
  readonly day: number;
  readonly knownAt: number;
}

export function questionsOf(facts: readonly Fact[], random: () => number, count: number): readonly Question[] {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const dates = facts.flatMap(({ at, row }) => [
    dateOf(at),
    ...Object.values(row ?? {}).filter((value): value is number => typeof value === 'number'),
  ]);
  const moments = [...facts.map(({ at }) => at), Date.UTC(2025, 0, 1) * 1000];
  return Array.from({ length: count }, () => ({
    day: pick(dates) + pick([-1, 0, 0, 1]),
    knownAt: pick(moments) + pick([-1, 0, 0, 1]),
  }));
}
