import pg from 'pg';
import type { ClientBase, QueryResult } from 'pg';
import { beginning, comparePositions, formatLsn, type Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import { Fault } from '../../runtime/fault.ts';
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

/**
 * The durable position of one lane. Each of its three calls is one round trip, as several statements in one text.
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
  private believed: Position = beginning;

  constructor(schema: StoreSchema, source: string, lane: number, receiver: string, receiptTopics: readonly string[]) {
    this.schema = schema;
    this.source = source;
    this.lane = lane;
    this.receiver = receiver;
    this.receiptTopics = receiptTopics;
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

  /** Begins the transaction of a batch. Rejects with the fault LANE_TAKEN_OVER when the lane is another's by now. */
  async begin(client: ClientBase): Promise<void> {
    const results = await queryAll(client, `BEGIN; ${this.lockText}`);
    const found = positionOf(rowOf(results[1]));
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
    const results = await queryAll(client, [...this.moveTexts(move), 'COMMIT'].join(';\n'));
    if (results.at(-1)?.command !== 'COMMIT') throw new Error('the transaction of the batch was rolled back');
    this.believed = move.reach.through;
  }

  private moveTexts({ reach, offsets, deltas, letters, receipt }: Move): string[] {
    const { generation, lsn, ordinal } = reach.through;
    const texts = [
      `UPDATE ${this.schema}.applied_position SET generation = ${generation}, lsn = ${lsn}, ordinal = ${ordinal},
        source_time = ${time(reach.sourceTime)}, applied_at = clock_timestamp()
        WHERE source = ${literal(this.source)} AND lane = ${this.lane}`,
    ];
    if (offsets.length > 0) texts.push(this.offsetsText(offsets));
    const outcomes = deltas.filter(({ delta }) => delta !== 0);
    if (outcomes.length > 0) texts.push(this.outcomesText(outcomes));
    if (letters.length > 0) texts.push(this.lettersText(letters));
    if (receipt !== null) {
      texts.push(`INSERT INTO ${this.schema}.receipt AS known VALUES (${literal(this.receiver)}, ${this.laneText},
        ${generation}, ${lsn}, ${literal(JSON.stringify(receipt))}, clock_timestamp())
        ON CONFLICT (receiver, source, lane) DO UPDATE SET generation = excluded.generation,
          through_lsn = excluded.through_lsn, counts = excluded.counts, at = excluded.at`);
    }
    return texts;
  }

  private offsetsText(offsets: readonly PartitionOffset[]): string {
    const rows = offsets.map(
      ({ topic, partition, nextOffset, taken }) =>
        `(${literal(this.source)}, ${literal(topic)}, ${partition}, ${nextOffset}, ${taken.generation}, ${taken.lsn}, ${taken.ordinal})`,
    );
    return `INSERT INTO ${this.schema}.applied_offset VALUES ${rows.join(', ')}
      ON CONFLICT (source, topic, partition) DO UPDATE SET next_offset = excluded.next_offset,
        generation = excluded.generation, lsn = excluded.lsn, ordinal = excluded.ordinal`;
  }

  private outcomesText(deltas: readonly OutcomeDelta[]): string {
    const rows = deltas.map(
      ({ topic, outcome, delta }) =>
        `(${literal(this.source)}, ${literal(topic)}, ${this.lane}, ${literal(outcome)}, ${delta})`,
    );
    return `INSERT INTO ${this.schema}.outcome AS known VALUES ${rows.join(', ')}
      ON CONFLICT (source, topic, lane, outcome) DO UPDATE SET count = known.count + excluded.count`;
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
  if (row === undefined) throw new Error('the row of the lane is gone');
  return row;
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

/** Epoch microseconds, exactly. */
function time(micros: number): string {
  return `timestamptz 'epoch' + ${micros} * interval '1 microsecond'`;
}
