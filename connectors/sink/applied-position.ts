import pg from 'pg';
import type { ClientBase, QueryResult } from 'pg';
import { beginning, comparePositions, formatLsn, type Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import { arrayText } from '../../runtime/array-text.ts';
import { Fault } from '../../runtime/fault.ts';
import { type Answer, OneTrip, type Statement } from '../../runtime/one-trip.ts';
import type { Outcome, OutcomeDelta } from './contract.ts';
import type { PartitionOffset, Reach } from './lane-merge.ts';
import type { PartitionStart } from './lane-partition.ts';
import type { DeadLetter, StoreSchema } from './settings.ts';

/** What a lane has durably done. */
export interface LaneState {
  readonly through: Position;
  /** Epoch microseconds; 0 before anything is applied. */
  readonly sourceTime: number;
  /** By partition name; what is absent is read from the start. */
  readonly starts: ReadonlyMap<string, PartitionStart>;
  /** Events of this lane by outcome, receipts left out. */
  readonly counts: ReadonlyMap<Outcome, number>;
}

/** What is written besides the effects of the events, in the same transaction. */
export interface Move {
  readonly reach: Reach;
  /** Those of `reach.offsets` that have changed. */
  readonly offsets: readonly PartitionOffset[];
  readonly deltas: readonly OutcomeDelta[];
  readonly letters: readonly DeadLetter[];
  /** The counts that a receipt says, or null for no receipt. */
  readonly receipt: Readonly<Record<string, number>> | null;
}

const begin: Statement = { name: 'concord_begin', text: 'BEGIN' };
/** The comment is what pg_stat_activity shows of a lane between two batches. */
const commit: Statement = { name: 'concord_commit', text: 'COMMIT /* of a lane */' };

/** What every batch does; `$1` is the source. */
interface Statements {
  readonly lock: Statement;
  readonly move: Statement;
  readonly offsets: Statement;
  readonly outcomes: Statement;
  readonly receipt: Statement;
}

/**
 * The durable position of one lane. Each of its three calls is one round trip.
 *
 * `open` and `begin` lock the lane's row first: a zombie, which believes in an older position, fails there before it
 * has changed anything.
 */
export class AppliedPosition {
  private readonly schema: StoreSchema;
  private readonly source: string;
  private readonly lane: number;
  private readonly receiver: string;
  private readonly receiptTopics: readonly string[];
  private readonly statements: Statements;
  private believed: Position = beginning;

  constructor(schema: StoreSchema, source: string, lane: number, receiver: string, receiptTopics: readonly string[]) {
    this.schema = schema;
    this.source = source;
    this.lane = lane;
    this.receiver = receiver;
    this.receiptTopics = receiptTopics;
    this.statements = statementsOf(schema);
  }

  /** Waits for a predecessor that is still committing, then reads what is true. */
  async open(client: ClientBase, topics: readonly string[]): Promise<LaneState> {
    const results = await queryAll(
      client,
      `BEGIN;
      INSERT INTO ${this.schema}.applied_position
        VALUES (${this.laneText}, ${beginning.generation}, ${beginning.lsn}, ${beginning.ordinal}, 'epoch', now())
        ON CONFLICT DO NOTHING;
      ${this.lockText};
      SELECT topic, partition, next_offset, generation, lsn, ordinal FROM ${this.schema}.applied_offset
        WHERE source = ${literal(this.source)} AND partition = ${this.lane} AND topic = ANY (${list(topics)});
      SELECT outcome, sum(count) AS count FROM ${this.schema}.outcome
        WHERE source = ${literal(this.source)} AND lane = ${this.lane} AND topic <> ALL (${list(this.receiptTopics)})
        GROUP BY outcome;
      COMMIT`,
    );
    const row = rowOf(results[2]);
    this.believed = positionOf(row);
    return {
      through: this.believed,
      sourceTime: Number(row['source_time']),
      starts: new Map(
        results[3]?.rows.map((start) => [
          partitionName(String(start['topic']), Number(start['partition'])),
          { nextOffset: Number(start['next_offset']), taken: positionOf(start) },
        ]),
      ),
      counts: new Map(results[4]?.rows.map((count) => [count['outcome'] as Outcome, Number(count['count'])])),
    };
  }

  /**
   * Begins the transaction of a batch, on the way of what is asked next on this connection: that is judged under the lock, and
   * nothing of it may be committed before this has resolved. Rejects with the fault LANE_TAKEN_OVER when the lane is another's
   * by now.
   */
  async begin(client: ClientBase): Promise<void> {
    const trip = OneTrip.on(client);
    const begun = trip.call(begin);
    const locked = trip.call(this.statements.lock, [this.source, String(this.lane)]);
    await begun;
    const [row] = (await locked).rows;
    if (row === undefined) throw laneGone();
    const found = { generation: Number(row[0]), lsn: Number(row[1]), ordinal: Number(row[2]) };
    if (comparePositions(found, this.believed) === 0) return;
    throw new Fault(
      'fenced',
      'LANE_TAKEN_OVER',
      `Lane ${this.lane} of ${this.source} stands at ${formatLsn(found.lsn)}, not at ${formatLsn(this.believed.lsn)} as this instance left it: another one has it now.`,
      { lane: this.lane, source: this.source, foundLsn: found.lsn, believedLsn: this.believed.lsn },
    );
  }

  /** Moves the lane and commits. When it rejects, the outcome is unknown: only `open` tells. */
  async commit(client: ClientBase, move: Move): Promise<void> {
    if (move.letters.length > 0) await client.query(this.lettersText(move.letters));
    const trip = OneTrip.on(client);
    const moved = this.move(trip, move);
    const committed = trip.call(commit);
    trip.send();
    // The first failure is the one that says why.
    for (const one of moved) await one;
    if ((await committed).done !== 'COMMIT') throw new Error('the transaction of the batch was rolled back');
    this.believed = move.reach.through;
  }

  private move(trip: OneTrip, { reach, offsets, deltas, receipt }: Move): readonly Promise<Answer>[] {
    const { source, statements } = this;
    const lane = String(this.lane);
    const { generation, lsn, ordinal } = reach.through;
    const calls = [trip.call(statements.move, [source, lane, ...texts([generation, lsn, ordinal, reach.sourceTime])])];
    if (offsets.length > 0) {
      const columns = [
        offsets.map(({ topic }) => topic),
        offsets.map(({ partition }) => partition),
        offsets.map(({ nextOffset }) => nextOffset),
        offsets.map(({ taken }) => taken.generation),
        offsets.map(({ taken }) => taken.lsn),
        offsets.map(({ taken }) => taken.ordinal),
      ];
      calls.push(trip.call(statements.offsets, [source, ...columns.map(arrayText)]));
    }
    const outcomes = deltas.filter(({ delta }) => delta !== 0);
    if (outcomes.length > 0) {
      const columns = [
        outcomes.map(({ topic }) => topic),
        outcomes.map(({ outcome }) => outcome),
        outcomes.map(({ delta }) => delta),
      ];
      calls.push(trip.call(statements.outcomes, [source, lane, ...columns.map(arrayText)]));
    }
    if (receipt !== null) {
      const counts = JSON.stringify(receipt);
      calls.push(trip.call(statements.receipt, [source, lane, this.receiver, ...texts([generation, lsn]), counts]));
    }
    return calls;
  }

  private lettersText(letters: readonly DeadLetter[]): string {
    const rows = letters.map(
      ({ source, topic, partition, offset, key, value, code, reason }) =>
        `(${literal(source)}, ${literal(topic)}, ${partition}, ${offset}, ${bytes(key)}, ${bytes(value)}, ${literal(code)}, ${literal(reason)}, clock_timestamp())`,
    );
    return `INSERT INTO ${this.schema}.dead_letter VALUES ${rows.join(', ')} ON CONFLICT DO NOTHING`;
  }

  private get laneText(): string {
    return `${literal(this.source)}, ${this.lane}`;
  }

  private get lockText(): string {
    return `SELECT generation, lsn, ordinal, extract(epoch FROM source_time) * 1000000 AS source_time
      FROM ${this.schema}.applied_position WHERE source = ${literal(this.source)} AND lane = ${this.lane} FOR UPDATE`;
  }
}

type Row = Readonly<Record<string, unknown>>;

/** The results of several statements in one text. */
async function queryAll(client: ClientBase, text: string): Promise<readonly QueryResult<Row>[]> {
  const results: unknown = await client.query(text);
  return (Array.isArray(results) ? results : [results]) as QueryResult<Row>[];
}

function rowOf(result: QueryResult<Row> | undefined): Row {
  const row = result?.rows[0];
  if (row === undefined) throw laneGone();
  return row;
}

function laneGone(): Error {
  return new Error('the row of the lane is gone');
}

function statementsOf(schema: StoreSchema): Statements {
  return {
    lock: {
      name: 'concord_lane_lock',
      text: `SELECT generation, lsn, ordinal FROM ${schema}.applied_position WHERE source = $1 AND lane = $2 FOR UPDATE`,
    },
    move: {
      name: 'concord_lane_move',
      text: `UPDATE ${schema}.applied_position SET generation = $3, lsn = $4, ordinal = $5,
          source_time = timestamptz 'epoch' + $6::bigint * interval '1 microsecond', applied_at = clock_timestamp()
        WHERE source = $1 AND lane = $2`,
    },
    offsets: {
      name: 'concord_lane_offsets',
      text: `INSERT INTO ${schema}.applied_offset
        SELECT $1, t.* FROM unnest($2::text[], $3::int[], $4::bigint[], $5::int[], $6::bigint[], $7::int[]) AS t
        ON CONFLICT (source, topic, partition) DO UPDATE SET next_offset = excluded.next_offset,
          generation = excluded.generation, lsn = excluded.lsn, ordinal = excluded.ordinal`,
    },
    outcomes: {
      name: 'concord_lane_outcomes',
      text: `INSERT INTO ${schema}.outcome AS known
        SELECT $1, topic, $2::int, outcome, delta FROM unnest($3::text[], $4::text[], $5::bigint[]) AS t(topic, outcome, delta)
        ON CONFLICT (source, topic, lane, outcome) DO UPDATE SET count = known.count + excluded.count`,
    },
    receipt: {
      name: 'concord_lane_receipt',
      text: `INSERT INTO ${schema}.receipt AS known VALUES ($3, $1, $2, $4, $5, $6, clock_timestamp())
        ON CONFLICT (receiver, source, lane) DO UPDATE SET generation = excluded.generation,
          through_lsn = excluded.through_lsn, counts = excluded.counts, at = excluded.at`,
    },
  };
}

function texts(numbers: readonly number[]): string[] {
  return numbers.map(String);
}

function positionOf(row: Row): Position {
  return { generation: Number(row['generation']), lsn: Number(row['lsn']), ordinal: Number(row['ordinal']) };
}

function literal(text: string): string {
  return pg.escapeLiteral(text.replaceAll('\0', ''));
}

function list(texts: readonly string[]): string {
  return `ARRAY[${texts.map(literal).join(', ')}]::text[]`;
}

function bytes(value: Buffer | null): string {
  return value === null ? 'NULL' : `'\\x${value.toString('hex')}'`;
}
