import { createRequire } from 'node:module';
import type { Assigner, Kafka } from 'kafkajs';

/**
 * The parts of kafkajs that are not its public interface and that we use, with their types. The version is pinned and
 * the library is no longer changed, so the seam is stable. Nothing else in this folder reaches into the library.
 */

export interface InternalRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  readonly expectResponse?: () => boolean;
  /** `buf` is only looked at for being a Buffer; `buffer` is what is sent. */
  encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
}

export interface InternalResponse<T> {
  decode(payload: Buffer): Promise<T>;
  parse(decoded: T): Promise<T>;
}

export interface InternalConnectionPool {
  readonly host: string;
  readonly port: number;
  /** 0 for all requests but Fetch, 1 for Fetch: a broker answers the requests of one connection one after the other. */
  getConnection(index: 0 | 1): Promise<InternalConnection>;
}

export interface InternalConnection {
  send<T>(call: {
    readonly request: InternalRequest;
    readonly response: InternalResponse<T>;
    readonly requestTimeout?: number;
  }): Promise<T>;
}

export interface InternalBroker {
  readonly nodeId: number;
  readonly connectionPool: InternalConnectionPool;
  initProducerId(request: {
    readonly transactionalId: string;
    readonly transactionTimeout: number;
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;
  addPartitionsToTxn(request: {
    readonly transactionalId: string;
    readonly producerId: string;
    readonly producerEpoch: number;
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
  }): Promise<unknown>;
  endTxn(request: {
    readonly transactionalId: string;
    readonly producerId: string;
    readonly producerEpoch: number;
    readonly transactionResult: boolean;
  }): Promise<unknown>;
  produce(request: Omit<ProduceOptions, 'timeout'>): Promise<{
    readonly topics: readonly {
      readonly topicName: string;
      readonly partitions: readonly { readonly partition: number; readonly baseOffset: string }[];
    }[];
  }>;
  describeGroups(request: { readonly groupIds: readonly string[] }): Promise<{
    readonly groups: readonly {
      readonly members: readonly { readonly memberId: string; readonly clientId: string }[];
    }[];
  }>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
  listOffsets(request: {
    readonly isolationLevel: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
}

export interface InternalCluster {
  isConnected(): boolean;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  /** `coordinatorType`: 0 (or absent) of a group, 1 of a transactional id. */
  findGroupCoordinator(which: { readonly groupId: string; readonly coordinatorType?: 0 | 1 }): Promise<InternalBroker>;
  findBroker(which: { readonly nodeId: number }): Promise<InternalBroker>;
  removeBroker(address: { readonly host: string; readonly port: number }): void;
}

/** Membership in a consumer group, without kafkajs' fetch loop. */
export interface InternalConsumerGroup {
  memberId: string | null;
  connect(): Promise<void>;
  joinAndSync(): Promise<void>;
  assigned(): readonly { readonly topic: string; readonly partitions: readonly number[] }[];
  heartbeat(options: { readonly interval: number }): Promise<void>;
  commitOffsets(offsets: {
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }): Promise<void>;
  leave(): Promise<void>;
}

export interface ConsumerGroupOptions {
  readonly cluster: InternalCluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly topicConfigurations: Readonly<Record<string, { readonly fromBeginning: boolean }>>;
  readonly logger: unknown;
  readonly instrumentationEmitter: { emit(name: string, payload?: unknown): void };
  readonly assigners: readonly Assigner[];
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly retry: unknown;
  readonly autoCommit: false;
  readonly isolationLevel: number;
}

export interface ProduceOptions {
  readonly acks: number;
  readonly timeout: number;
  readonly transactionalId?: string | null;
  readonly producerId: string | number;
  readonly producerEpoch: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence: number;
      readonly messages: readonly unknown[];
    }[];
  }[];
}

/** kafkajs' table of the versions of one request. `protocol` is looked up at each call, so it can be replaced. */
export interface RequestVersions<Options> {
  protocol: (which: {
    readonly version: number;
  }) => (options: Options) => { readonly request: InternalRequest; readonly response: InternalResponse<unknown> };
}

const load = createRequire(import.meta.url);

export const produceVersions = load('kafkajs/src/protocol/requests/produce') as RequestVersions<ProduceOptions>;

const consumerGroupClass = load('kafkajs/src/consumer/consumerGroup') as new (
  options: ConsumerGroupOptions,
) => InternalConsumerGroup;

export function createConsumerGroup(options: ConsumerGroupOptions): InternalConsumerGroup {
  return new consumerGroupClass(options);
}

export const fetchRequest = load('kafkajs/src/protocol/requests/fetch/v11/request') as (options: {
  readonly replicaId: number;
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolationLevel: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly fetchOffset: string;
      readonly maxBytes: number;
    }[];
  }[];
}) => InternalRequest;

interface InternalRequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests: (this: InternalRequestQueue) => void;
}

const { prototype: requestQueue } = load('kafkajs/src/network/requestQueue') as { prototype: InternalRequestQueue };
const { scheduleCheckPendingRequests } = requestQueue;

/**
 * A connection's queue looks for what waits to be sent at the end of a throttling, which for one that never was throttled is a
 * time long past: it would look every millisecond for ever, once it has been used, whether anything waits or not.
 */
requestQueue.scheduleCheckPendingRequests = function (): void {
  if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
};

const protocolErrors = load('kafkajs/src/protocol/error') as {
  createErrorFromCode(code: number): Error & { readonly type: string };
};

/** The error of an error code of Kafka's protocol; `type` is its name: `OFFSET_OUT_OF_RANGE`. */
export function errorOfCode(code: number): Error & { readonly type: string } {
  return protocolErrors.createErrorFromCode(code);
}

/** The same kind of cluster that kafkajs makes for its own consumers: metadata, leaders, connections, retries. */
export function createCluster(kafka: Kafka): InternalCluster {
  const key = Object.getOwnPropertySymbols(kafka).find(
    (symbol) => symbol.description === 'private:Kafka:createCluster',
  );
  if (key === undefined) throw new Error('kafkajs is not the pinned version: it has no private:Kafka:createCluster');
  const create = (kafka as unknown as Record<symbol, (options: unknown) => InternalCluster>)[key];
  if (create === undefined) throw new Error('kafkajs is not the pinned version');
  return create({ metadataMaxAge: 60_000, allowAutoTopicCreation: false, isolationLevel: 1 });
}
