import type { BothSides } from './rows.ts';

/** A record that could not be decoded, and was not sent again since. */
export interface Letter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** When it was set aside. */
  readonly at: Date;
}

/** Lane key → the last of its open letters in each partition. */
export async function openLetters(
  { storeClient, store }: BothSides,
  source: string,
  laneKeys: readonly string[],
): Promise<ReadonlyMap<string, readonly Letter[]>> {
  if (store.table.laneKey === null || laneKeys.length === 0) return new Map();
  const { rows } = await storeClient.query<Omit<Letter, 'offset'> & { key: Buffer; offset: string }>(
    `SELECT key, topic, partition, max("offset")::text AS offset, max(at) AS at FROM metering.dead_letter l
     WHERE source = $1 AND topic = ANY ($2::text[]) AND key = ANY ($3::bytea[])
       AND NOT EXISTS (SELECT FROM metering.redrive r WHERE r.result IS NOT NULL
         AND (r.source, r.topic, r.partition, r."offset") = (l.source, l.topic, l.partition, l."offset"))
     GROUP BY key, topic, partition`,
    [source, store.table.topics, laneKeys.map((key) => Buffer.from(key))],
  );
  const letters = new Map<string, Letter[]>();
  for (const { key, topic, partition, offset, at } of rows) {
    const name = key.toString('utf8');
    letters.set(name, [...(letters.get(name) ?? []), { topic, partition, offset: Number(offset), at }]);
  }
  return letters;
}
