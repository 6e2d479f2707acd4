import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isDeadMember } from './dead-members.ts';
import { withDeadline } from './deadline.ts';
import { kafkaFault, tooLate } from './kafka-fault.ts';
import { createConsumerGroup, type InternalCluster, type InternalConsumerGroup } from './kafkajs-internals.ts';
import { laneAssigner } from './lane-assigner.ts';
import type { TopicReader } from './topic-reader.ts';

export interface GroupSettings {
  readonly groupId: string;
  /** Kafka gives the lanes of a member that is silent for so long to others. Brokers refuse less than 6 s by default. */
  readonly sessionTimeoutMs: number;
  /** How long the group waits for a member to let its lanes go. */
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
}

const coordinatorWithinMs = 15_000;

/** Errors of a heartbeat that mean: join again. */
const rejoinTypes = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
]);

/**
 * Our membership in a consumer group: who has which lanes. It knows nothing of fetching. Heartbeats come from a timer
 * of its own, so that neither a slow batch nor an idle topic loses the membership.
 */
export class GroupMembership {
  readonly #cluster: InternalCluster;
  readonly #group: InternalConsumerGroup;
  readonly #settings: GroupSettings;
  readonly #log: Logger;
  #lanes: readonly number[] = [];

  constructor(reader: TopicReader, laneCount: number, settings: GroupSettings, log: Logger) {
    this.#cluster = reader.cluster;
    this.#settings = settings;
    this.#log = log;
    this.#group = createConsumerGroup({
      cluster: reader.cluster,
      groupId: settings.groupId,
      topics: reader.topics,
      topicConfigurations: Object.fromEntries(reader.topics.map((topic) => [topic, { fromBeginning: true }])),
      logger: reader.client.kafka.logger(),
      instrumentationEmitter: { emit: () => {} },
      assigners: [
        laneAssigner(
          () => laneCount,
          () => this.#lanes,
        ),
      ],
      sessionTimeout: settings.sessionTimeoutMs,
      rebalanceTimeout: settings.rebalanceTimeoutMs,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 },
      autoCommit: false,
      isolationLevel: 1,
    });
  }

  /** Takes members that are certainly dead out of the group, so that joining need not wait for their sessions to end. */
  async putOutTheDead(): Promise<void> {
    const { groupId } = this.#settings;
    try {
      const coordinator = await this.#cluster.findGroupCoordinator({ groupId });
      const { groups } = await coordinator.describeGroups({ groupIds: [groupId] });
      const dead = groups.flatMap(({ members }) => members.filter(({ clientId }) => isDeadMember(clientId)));
      for (const { memberId } of dead) {
        this.#log.info(
          { group: groupId, member: memberId },
          'A member of the consumer group was killed; its lanes are free.',
        );
        await coordinator.leaveGroup({ groupId, memberId });
      }
    } catch (cause) {
      // It only saves time. Whatever is wrong shows when the group is joined.
      this.#log.debug(
        { err: cause, group: groupId },
        'Dead members of the consumer group stay until their sessions end.',
      );
    }
  }

  /** Joins, or joins again, and returns the lanes that are ours from now on. */
  async join(): Promise<readonly number[]> {
    const deadline = performance.now() + coordinatorWithinMs;
    for (;;) {
      try {
        await this.#group.joinAndSync();
        break;
      } catch (cause) {
        // A broker that has just started reads its groups first: it is there, and only asks for patience.
        const loads = cause instanceof Error && 'type' in cause && cause.type === 'GROUP_LOAD_IN_PROGRESS';
        if (!loads || performance.now() > deadline) {
          throw kafkaFault(cause, `joining the group ${this.#settings.groupId}`, { group: this.#settings.groupId });
        }
        await sleep(100);
      }
    }
    const lanes = new Set(this.#group.assigned().flatMap(({ partitions }) => [...partitions]));
    this.#lanes = [...lanes].toSorted((a, b) => a - b);
    return this.#lanes;
  }

  /**
   * Sends heartbeats until the group is about to rebalance (resolves; then let go and `join` again), until the signal
   * aborts (resolves), or until Kafka does not answer for most of the session (rejects).
   */
  async untilRebalance(signal: AbortSignal): Promise<void> {
    const action = `heartbeat of the group ${this.#settings.groupId}`;
    let failingSince: number | null = null;
    for (;;) {
      if (!(await pauseFor(this.#settings.heartbeatIntervalMs, signal))) return;
      const begun = performance.now();
      try {
        const limitMs = this.#settings.sessionTimeoutMs / 2;
        const beating = this.#group.heartbeat({ interval: 0 });
        await withDeadline(beating, limitMs, tooLate(action, limitMs));
        failingSince = null;
      } catch (cause) {
        const type = cause instanceof Error && 'type' in cause ? String(cause.type) : '';
        if (rejoinTypes.has(type)) {
          if (type === 'UNKNOWN_MEMBER_ID') this.#group.memberId = null;
          this.#log.debug({ group: this.#settings.groupId, type }, 'The consumer group rebalances.');
          return;
        }
        if (signal.aborted) return;
        failingSince ??= begun;
        if (performance.now() - failingSince >= this.#settings.sessionTimeoutMs / 2) {
          throw kafkaFault(cause, action);
        }
      }
    }
  }

  /** Heartbeats while the listener lets go, so that the group waits for us instead of giving us up. */
  async keptAliveDuring(act: () => Promise<void>): Promise<void> {
    const beating = setInterval(() => {
      // What they say is known already: the group rebalances.
      this.#group.heartbeat({ interval: 0 }).catch(() => {});
    }, this.#settings.heartbeatIntervalMs);
    try {
      await act();
    } finally {
      clearInterval(beating);
    }
  }

  /** For tools that show lag. A failure is logged and forgotten: it is a hint. */
  async commit(offsets: ReadonlyMap<string, ReadonlyMap<number, number>>): Promise<void> {
    if (offsets.size === 0) return;
    const topics = [...offsets].map(([topic, partitions]) => ({
      topic,
      partitions: [...partitions].map(([partition, offset]) => ({ partition, offset: String(offset) })),
    }));
    try {
      await this.#group.commitOffsets({ topics });
    } catch (cause) {
      this.#log.debug(
        { err: cause, group: this.#settings.groupId },
        'The offsets shown for the consumer group stay old.',
      );
    }
  }

  async leave(): Promise<void> {
    await this.#group.leave().catch(() => {});
  }
}

async function pauseFor(delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(delayMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
