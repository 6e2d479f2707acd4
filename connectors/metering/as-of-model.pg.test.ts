import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { LaneEvent } from '../sink/contract.ts';
import { appointmentAsOf, dateOf, type Fact, pointAsOf, type Row } from './as-of-model.fixture.ts';
import { appointmentHistories, days, pointHistories, type Question, questionsOf } from './as-of-histories.fixture.ts';
import { MeteringLane } from './lane-domain.ts';
import { newMeteringReport } from './report.ts';
import { removeHistory } from './retention.ts';
import { defaultParameters } from './rules/parameters.ts';
import { openStore, silent, type TestStore } from './store.fixture.ts';
import { appointmentEvent, moment, mpanOf, pointEvent, unit } from './world.fixture.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openStore(inject('stack').meteringUrl);
});

afterAll(() => store.close());

const historiesPerBatch = 1_000;
const batches = 10;
const questionsPerHistory = 2;

/** Writes histories with the real apply; what the rule book would say of them is not the question here. */
async function write(histories: readonly (readonly Fact[])[], eventOf: EventOf): Promise<void> {
  await store.empty();
  const judge = () => ({ kind: 'accept', stage: null, broken: [], warnings: [] }) as const;
  const lane = new MeteringLane(
    { source: 'registration', lane: 0, partitions: 4, rules: { judge, parameters: defaultParameters } },
    silent,
    newMeteringReport(),
  );
  const units = histories.flatMap((facts, which) => {
    const there = new Set<string>();
    return facts.map((fact, index) => {
      const recordType = fact.row === null ? 'delete' : there.has(fact.key) ? 'update' : 'create';
      if (fact.row === null) there.delete(fact.key);
      else there.add(fact.key);
      return unit(10 + index, eventOf(which, fact, recordType, { lsn: 10 + index, at: fact.at }));
    });
  });
  await store.apply(lane, units, moment(1_000, { sourceTime: 0 }));
  await store.rows('ANALYZE');
}

type EventOf = (
  which: number,
  fact: Fact,
  recordType: 'create' | 'update' | 'delete',
  stamp: { readonly lsn: number; readonly at: number },
) => LaneEvent;

/** Asks the store everything at once. Dates come back as days since 1970-01-01. */
async function ask(
  asOf: string,
  columns: readonly string[],
  questions: readonly (Question & { readonly which: number })[],
): Promise<readonly (Row | null)[]> {
  const fields = columns.map((name) => `'${name}', a.${name}${/_e[ft]d$/.test(name) ? " - date '1970-01-01'" : ''}`);
  const { rows } = await store.client.query<{ row: Row | null }>(
    `SELECT CASE WHEN a.mpan_core IS NOT NULL THEN jsonb_build_object(${fields.join(', ')}) END AS row
     FROM unnest($1::text[], $2::int[], $3::bigint[]) WITH ORDINALITY AS q(mpan, day, known_at, n)
     LEFT JOIN LATERAL metering.${asOf}(q.mpan, date '1970-01-01' + q.day,
       timestamptz 'epoch' + q.known_at * interval '1 microsecond') a ON true ORDER BY q.n`,
    [
      questions.map(({ which }) => mpanOf(which)),
      questions.map(({ day }) => day),
      questions.map(({ knownAt }) => knownAt),
    ],
  );
  return rows.map(({ row }) => row);
}

interface Subject {
  readonly entity: 'metering_point' | 'appointment';
  readonly asOf: string;
  readonly columns: readonly string[];
  readonly histories: fc.Arbitrary<readonly Fact[]>;
  readonly eventOf: EventOf;
  readonly model: typeof pointAsOf;
}

const points: Subject = {
  entity: 'metering_point',
  asOf: 'metering_point_as_of',
  columns: [
    ...['supplier', 'data_service', 'metering_service'].flatMap((group) => [`${group}_mpid`, `${group}_efd`]),
    'line_loss_factor_class',
    'opt_out',
  ],
  histories: pointHistories,
  eventOf: (which, { row }, recordType, stamp) => pointEvent(mpanOf(which), recordType, stamp, row ?? {}),
  model: pointAsOf,
};

const appointments: Subject = {
  entity: 'appointment',
  asOf: 'appointment_as_of',
  columns: ['mpid', 'metering_service_efd', 'metering_service_etd', 'meter_id', 'contract_reference'],
  histories: appointmentHistories,
  eventOf: (which, { key, row }, recordType, stamp) =>
    appointmentEvent(mpanOf(which), which * 10 + Number(key), recordType, stamp, row ?? {}),
  model: appointmentAsOf,
};

const subjects = [
  ['a metering point', points],
  ['an appointment', appointments],
] as const;

interface Asked {
  readonly rows: number;
  readonly gaps: number;
}

/** Asks about histories, and holds the answers against the model's. */
async function compare(
  subject: Subject,
  seed: number,
  histories: readonly (readonly Fact[])[],
  questions: readonly (Question & { readonly which: number })[],
): Promise<Asked> {
  let [rows, gaps] = [0, 0];
  const answers = await ask(subject.asOf, subject.columns, questions);
  for (const [index, { which, day, knownAt }] of questions.entries()) {
    const facts = histories[which] ?? [];
    const expected = subject.model(facts, day, knownAt, days);
    const answer = answers[index] ?? null;
    if (answer === null) gaps += 1;
    else rows += 1;
    if (same(subject.columns, answer, expected)) continue;
    expect({ seed, facts, day, knownAt, answer }).toEqual({ seed, facts, day, knownAt, answer: expected });
  }
  return { rows, gaps };
}

function about(
  histories: readonly (readonly Fact[])[],
  seed: number,
): readonly (Question & { readonly which: number })[] {
  const random = randomOf(seed);
  return histories.flatMap((facts, which) =>
    facts.length === 0 ? [] : questionsOf(facts, random, questionsPerHistory).map((one) => ({ ...one, which })),
  );
}

test.each(subjects)(
  'as-of of %s is what a slow model makes of 10,000 histories',
  { timeout: 240_000 },
  async (_, subject) => {
    const first = Date.now() % 1_000_000;
    let [rows, gaps] = [0, 0];
    for (let seed = first; seed < first + batches; seed += 1) {
      const histories = fc.sample(subject.histories, { numRuns: historiesPerBatch, seed });
      await write(histories, subject.eventOf);
      const asked = await compare(subject, seed, histories, about(histories, seed));
      rows += asked.rows;
      gaps += asked.gaps;
    }
    // Both kinds of answer were asked for, and often.
    expect(Math.min(rows, gaps)).toBeGreaterThan(2_000);
  },
);

const keepFroms = [
  Date.UTC(2024, 3, 1, 12),
  Date.UTC(2024, 2, 31, 23, 30),
  Date.UTC(2024, 6, 3),
  Date.UTC(2024, 9, 27, 0, 30),
  Date.UTC(2024, 10, 1),
];

test.each(subjects)(
  'retention takes no answer about %s from the time that is kept',
  { timeout: 120_000 },
  async (_, subject) => {
    const first = Date.now() % 1_000_000;
    let [removed, rows] = [0, 0];
    for (const [index, keepFrom] of keepFroms.entries()) {
      const seed = first + index;
      const histories = fc.sample(subject.histories, { numRuns: 400, seed });
      await write(histories, subject.eventOf);
      const before = await historyRows(subject);
      for await (const _step of removeHistory(store.client, new Date(keepFrom), { dryRun: false }));
      removed += before - (await historyRows(subject));
      const questions = about(histories, seed).map((one) => ({
        ...one,
        day: Math.max(one.day, dateOf(keepFrom * 1000)),
        knownAt: Math.max(one.knownAt, keepFrom * 1000),
      }));
      rows += (await compare(subject, seed, histories, questions)).rows;
    }
    expect(removed).toBeGreaterThan(200);
    expect(rows).toBeGreaterThan(200);
  },
);

async function historyRows({ entity }: Subject): Promise<number> {
  const [row] = await store.rows(`SELECT count(*)::int AS count FROM metering.${entity}_history`);
  return Number(row?.['count']);
}

function same(columns: readonly string[], answer: Row | null, expected: Row | null): boolean {
  if (answer === null || expected === null) return answer === expected;
  return columns.every((name) => answer[name] === (expected[name] ?? null));
}

/** A linear congruential generator: what is asked is to be asked again from the printed seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
