import { partitionName } from '../avro/progress.ts';
import type { KafkaConnection } from './connection.ts';
import { kafkaFault } from './kafka-fault.ts';

/** Of a topic's only partition, what lies below the offset. Asked again, it does nothing. Rejects with a Fault. */
export type DeleteRecords = (topic: string, beforeOffset: number) => Promise<void>;

export function deletingRecords(connection: KafkaConnection): DeleteRecords {
  return async (topic, beforeOffset) => {
    const client = connection.client();
    const admin = client.kafka.admin();
    try {
      await admin.connect();
      // Also makes kafkajs look for the leader, which deleteTopicRecords does not do by itself.
      const [first] = await admin.fetchTopicOffsets(topic);
      if (Number(first?.low ?? 0) >= beforeOffset) return;
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(beforeOffset) }] });
    } catch (cause) {
      throw kafkaFault(ofPartition(cause), `deleting records of ${partitionName(topic, 0)}`);
    } finally {
      await admin.disconnect().catch(() => {});
      client.destroy();
    }
  };
}

/** kafkajs says of each partition what went wrong, beside the error itself. */
function ofPartition(cause: unknown): unknown {
  const { partitions } = (cause ?? {}) as { readonly partitions?: readonly { readonly error?: unknown }[] };
  return partitions?.[0]?.error ?? cause;
}
