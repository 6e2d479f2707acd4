import type { InternalResponse } from './kafkajs-internals.ts';
import { type AbortedTransaction, readOffset } from './record-reader.ts';

/** What a broker answered for one partition. `recordSet` is a view into the answer, not yet looked at. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Kafka's error code, 0 for none. */
  readonly errorCode: number;
  readonly highWatermark: number;
  /** Below it every transaction is decided; what lies above is not shown to a `read_committed` consumer. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  readonly recordSet: Buffer;
}

export interface FetchResponse {
  /** Read by kafkajs. */
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

/**
 * Decodes the answer to a Fetch request, version 11, down to the record sets and no further:
 *
 *   throttleTimeMs int32 · errorCode int16 · sessionId int32 · [topic string · [partition int32 · errorCode int16 ·
 *   highWatermark int64 · lastStableOffset int64 · logStartOffset int64 · [producerId int64 · firstOffset int64] ·
 *   preferredReadReplica int32 · records bytes]]
 */
export const fetchResponse: InternalResponse<FetchResponse> = {
  decode: (payload) => Promise.resolve(decodeFetchResponse(payload)),
  // Errors are per partition here; kafkajs would throw the first and forget what the other partitions brought.
  parse: (decoded) => Promise.resolve(decoded),
};

export function decodeFetchResponse(payload: Buffer): FetchResponse {
  const partitions: FetchedPartition[] = [];
  const clientSideThrottleTime = payload.readInt32BE(0);
  const errorCode = payload.readInt16BE(4);
  let topicCount = payload.readInt32BE(10);
  let at = 14;
  for (; topicCount > 0; topicCount--) {
    const nameBytes = payload.readInt16BE(at);
    const topic = payload.toString('utf8', at + 2, at + 2 + nameBytes);
    at += 2 + nameBytes;
    let partitionCount = payload.readInt32BE(at);
    at += 4;
    for (; partitionCount > 0; partitionCount--) {
      const fixed = at;
      const abortedTransactions: AbortedTransaction[] = [];
      let abortedCount = payload.readInt32BE(at + 30);
      at += 34;
      for (; abortedCount > 0; abortedCount--) {
        abortedTransactions.push({ producerId: payload.readBigInt64BE(at), firstOffset: readOffset(payload, at + 8) });
        at += 16;
      }
      at += 4; // preferred read replica: we read from leaders
      const recordBytes = Math.max(payload.readInt32BE(at), 0);
      at += 4;
      partitions.push({
        topic,
        partition: payload.readInt32BE(fixed),
        errorCode: payload.readInt16BE(fixed + 4),
        highWatermark: readOffset(payload, fixed + 6),
        lastStableOffset: readOffset(payload, fixed + 14),
        logStartOffset: readOffset(payload, fixed + 22),
        abortedTransactions,
        recordSet: payload.subarray(at, at + recordBytes),
      });
      at += recordBytes;
    }
  }
  return { clientSideThrottleTime, errorCode, partitions };
}
