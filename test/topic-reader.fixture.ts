import { Kafka, logLevel } from 'kafkajs';
import avro from 'avsc';
import { randomBytes } from 'node:crypto';

/** What a reader of our topics sees who knows nothing of Concord but the wire format and the registry. */
export interface SeenEvent {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly recordType: string;
  readonly generation: number;
  readonly lsn: number;
  readonly ordinal: number;
  readonly appointmentId: number | null;
}

interface Decoded {
  readonly recordType: string;
  readonly source: { readonly generation: number; readonly lsn: number; readonly ordinal: number };
  readonly appointment_id?: number | null;
}

/** Reads every committed event of the topics, up to their ends at the moment of the call. Tombstones are left out. */
export async function readTopics(
  brokers: string,
  registryUrl: string,
  topics: readonly string[],
): Promise<readonly SeenEvent[]> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const ends = new Map<string, number>();
  for (const topic of topics) {
    for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
      if (Number(high) > Number(low)) ends.set(`${topic}/${partition}`, Number(high));
    }
  }
  await admin.disconnect();
  const raw: { topic: string; partition: number; key: string; value: Buffer }[] = [];
  if (ends.size > 0) {
    const consumer = kafka.consumer({ groupId: `reader-${randomBytes(6).toString('hex')}`, readUncommitted: false });
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          autoCommit: false,
          eachBatch: ({ batch }) => {
            for (const message of batch.messages) {
              if (message.value !== null)
                raw.push({
                  topic: batch.topic,
                  partition: batch.partition,
                  key: message.key?.toString() ?? '',
                  value: message.value,
                });
            }
            const name = `${batch.topic}/${batch.partition}`;
            // The last offsets are control records, which are never delivered: nearly at the end is at the end.
            if (Number(batch.lastOffset()) + 2 >= (ends.get(name) ?? 0)) ends.delete(name);
            if (ends.size === 0) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
    await consumer.disconnect();
  }
  const types = new Map<number, avro.Type>();
  for (const id of new Set(raw.map((one) => one.value.readUInt32BE(1)))) {
    const answer = await fetch(`${registryUrl}/schemas/ids/${id}`);
    const { schema } = (await answer.json()) as { schema: string };
    types.set(id, avro.Type.forSchema(JSON.parse(schema) as avro.Schema));
  }
  return raw.map(({ topic, partition, key, value }) => {
    const event = types.get(value.readUInt32BE(1))?.fromBuffer(value.subarray(5)) as Decoded;
    const { generation, lsn, ordinal } = event.source;
    return {
      topic,
      partition,
      key,
      recordType: event.recordType,
      generation,
      lsn,
      ordinal,
      appointmentId: event.appointment_id ?? null,
    };
  });
}

/** The events that are there twice, and those that stand behind a later one of their partition. */
export function findDisorder(events: readonly SeenEvent[]): {
  duplicates: readonly SeenEvent[];
  late: readonly SeenEvent[];
} {
  const seen = new Set<string>();
  const last = new Map<string, SeenEvent>();
  const duplicates: SeenEvent[] = [];
  const late: SeenEvent[] = [];
  for (const event of events) {
    const identity = [
      event.topic,
      event.partition,
      event.generation,
      event.lsn,
      event.ordinal,
      event.key,
      event.recordType,
      event.appointmentId,
    ].join('|');
    if (seen.has(identity)) duplicates.push(event);
    seen.add(identity);
    const partition = `${event.topic}/${event.partition}`;
    const before = last.get(partition);
    if (before !== undefined && (event.lsn - before.lsn || event.ordinal - before.ordinal) < 0) late.push(event);
    last.set(partition, event);
  }
  return { duplicates, late };
}
