import { type Assigner, AssignerProtocol } from 'kafkajs';

export interface LaneMember {
  readonly memberId: string;
  /** The lanes that it had before this rebalance. */
  readonly lanes: readonly number[];
}

/**
 * Deals lanes out evenly: nobody has two more than anybody else. Who had a lane keeps it as far as that allows, because
 * a new owner must read the lane's memory (reference data) first. The same input gives the same result.
 */
export function assignLanes(members: readonly LaneMember[], laneCount: number): ReadonlyMap<string, number[]> {
  const sorted = members.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const share = Math.floor(laneCount / sorted.length);
  let larger = laneCount % sorted.length;
  const free = new Set(Array.from({ length: laneCount }, (_, lane) => lane));
  const assigned = new Map<string, number[]>();
  // Those who have most get the larger shares, so that as little as possible moves.
  for (const { memberId, lanes } of sorted.toSorted((a, b) => b.lanes.length - a.lanes.length)) {
    const kept = lanes.filter((lane) => free.has(lane)).slice(0, share + (larger > 0 ? 1 : 0));
    if (kept.length > share) larger--;
    for (const lane of kept) free.delete(lane);
    assigned.set(memberId, kept);
  }
  for (const { memberId } of sorted) {
    const lanes = assigned.get(memberId) ?? [];
    while (lanes.length < share) lanes.push(takeLowest(free));
    if (larger > 0 && lanes.length === share && free.size > 0) {
      lanes.push(takeLowest(free));
      larger--;
    }
    lanes.sort((a, b) => a - b);
  }
  return assigned;
}

function takeLowest(free: Set<number>): number {
  const lowest = Math.min(...free);
  free.delete(lowest);
  return lowest;
}

const version = 1;

/** A kafkajs assigner that gives partition i of all topics to one member. `ownLanes`: those of this member until now. */
export function laneAssigner(laneCount: () => number, ownLanes: () => readonly number[]): Assigner {
  return {
    name: 'ConcordLanes',
    version,
    protocol: ({ topics }) => ({
      name: 'ConcordLanes',
      metadata: AssignerProtocol.MemberMetadata.encode({
        version,
        topics,
        userData: Buffer.from(JSON.stringify(ownLanes())),
      }),
    }),
    assign: ({ members, topics }) => {
      const lanes = assignLanes(
        members.map(({ memberId, memberMetadata }) => ({ memberId, lanes: lanesBefore(memberMetadata) })),
        laneCount(),
      );
      return Promise.resolve(
        [...lanes].map(([memberId, own]) => ({
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({
            version,
            assignment: Object.fromEntries(topics.map((topic) => [topic, own])),
            userData: Buffer.alloc(0),
          }),
        })),
      );
    },
  };
}

function lanesBefore(metadata: Buffer): readonly number[] {
  const userData = AssignerProtocol.MemberMetadata.decode(metadata)?.userData;
  if (userData === undefined || userData.length === 0) return [];
  try {
    const lanes: unknown = JSON.parse(userData.toString('utf8'));
    return Array.isArray(lanes) ? lanes.filter((lane) => typeof lane === 'number') : [];
  } catch {
    // Another program in our group; it has no lanes.
    return [];
  }
}
