import type { LargeUnit, LaneEvent, Unit } from './contract.ts';

/** A unit as the sink gives a large one: slices of some keys, each of them complete. */
export function largeUnitOf({ generation, lsn, events }: Unit, keysPerSlice = 1): LargeUnit {
  const leads = ({ topic, event }: LaneEvent): boolean =>
    event.recordType === 'truncate' || /participant|distributor/.test(topic);
  const byKey = new Map<string, LaneEvent[]>();
  for (const event of events) {
    if (!leads(event)) byKey.set(event.key, [...(byKey.get(event.key) ?? []), event]);
  }
  const keys = [...byKey.keys()].sort();
  const first = events[0]?.event.source;
  return {
    position: { generation, lsn, ordinal: first?.ordinal ?? 0 },
    sourceTime: first?.sourceTime ?? 0,
    leading: events.filter(leads),
    slices: async function* () {
      for (let from = 0; from < keys.length; from += keysPerSlice) {
        yield await Promise.resolve(keys.slice(from, from + keysPerSlice).flatMap((key) => byKey.get(key) ?? []));
      }
    },
  };
}
