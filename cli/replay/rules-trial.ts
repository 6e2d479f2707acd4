import { comparePositions, type Position } from '../../avro/position.ts';
import type { DecideRules } from '../../connectors/metering/decide.ts';
import { MemoryLane } from '../../connectors/metering/memory-lane.ts';
import type { RuleParameters } from '../../connectors/metering/rules/contract.ts';
import { judge } from '../../connectors/metering/rules/judge.ts';
import type { LaneEvent, Unit } from '../../connectors/sink/contract.ts';
import type { Settings } from '../settings.ts';
import { Pace } from './pace.ts';
import type { EventGroup, SelectedEvents } from './selected-events.ts';
import { eventName, type TrialCounts, TrialTally } from './trial-tally.ts';

/** What a trial needs to know besides the events. */
export interface TrialMoment {
  readonly loadCompleteAt: Position | null;
  /** The newest source time, epoch microseconds: holds of which the time is up by then have ended. */
  readonly sourceTime: number;
}

/**
 * Judges the selected events twice, by the live rules and by those of a file, in memory: no store is asked, and none waits.
 * All events of a key are judged from its first on, by the live rules before the first selected one, so that both sides
 * begin with the same state.
 */
export async function tryRules(
  settings: Settings,
  events: SelectedEvents,
  parameters: RuleParameters,
  moment: TrialMoment,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<TrialCounts> {
  const live: DecideRules = { judge, parameters: settings.metering.rules };
  const other: DecideRules = { judge, parameters };
  const source = settings.registration.name;
  const tally = new TrialTally();
  const pace = new Pace(events.count);
  for await (const group of events.groups()) {
    if (signal.aborted) break;
    const units = unitsOf(merged(group, events));
    const names = new Set([...group.selected].map((event) => eventName(event, source)));
    for (const side of ['live', 'other'] as const) {
      const lane = new MemoryLane(source, moment.loadCompleteAt);
      const rulesAt = (position: Position): DecideRules =>
        side === 'other' && events.first !== null && comparePositions(position, events.first) >= 0 ? other : live;
      for (const unit of units) {
        const first = unit.events[0]?.event.source ?? { ...unit, ordinal: 0 };
        const isCounted = unit.events.some((event) => group.selected.has(event));
        for (const effects of lane.unit(unit, rulesAt(first))) tally.see(side, effects, names, isCounted);
      }
      const rules = side === 'other' ? other : live;
      for (const effects of lane.end(moment.sourceTime, rules)) tally.see(side, effects, names, false);
    }
    tally.settle(names.size);
    tell(pace.told('judging by both rule books', tally.events));
  }
  return tally.counts(signal.aborted);
}

/** The events of the group with the truncates of its lane and all reference data, in order. */
function merged({ lane, events }: EventGroup, { references, truncates }: SelectedEvents): readonly LaneEvent[] {
  const others = [...references, ...truncates.filter(({ partition }) => partition === lane)];
  return [...others, ...events].sort((a, b) => comparePositions(a.event.source, b.event.source));
}

function unitsOf(events: readonly LaneEvent[]): readonly Unit[] {
  const units: (Unit & { readonly events: LaneEvent[] })[] = [];
  for (const event of events) {
    const { generation, lsn } = event.event.source;
    const open = units.at(-1);
    if (open?.generation === generation && open.lsn === lsn) open.events.push(event);
    else units.push({ generation, lsn, events: [event] });
  }
  return units;
}
