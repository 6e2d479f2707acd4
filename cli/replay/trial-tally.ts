import type { Effects } from '../../connectors/metering/effects.ts';
import { tableOfTopic } from '../../connectors/metering/entities.ts';
import { codesOf } from '../../connectors/metering/rules/judge.ts';
import type { BrokenRule } from '../../connectors/metering/rules/contract.ts';
import { loadingCode } from '../../connectors/metering/settle.ts';
import type { LaneEvent } from '../../connectors/sink/contract.ts';

/** By the live rules, and by those of the file. */
export interface Both {
  readonly live: number;
  readonly other: number;
}

/** What one rule does by both rule books, in events. */
export interface RuleTrial {
  readonly code: string;
  readonly rejected: Both;
  /** Refused by it by the file only, and by the live rules only. */
  readonly more: number;
  readonly fewer: number;
  readonly held: Both;
  /** Times, not events. */
  readonly warned: Both;
}

/** One event that ends otherwise. */
export interface TrialSample {
  readonly entity: string;
  readonly key: string;
  readonly mpan: string | null;
  readonly generation: number;
  readonly lsn: number;
  readonly live: readonly string[];
  readonly other: readonly string[];
  /** What the rules that are new to it say. */
  readonly texts: readonly string[];
}

/** The document of `--json`, with what was found while reading. */
export interface TrialCounts {
  readonly events: number;
  readonly rejected: Both;
  /** Events that only the file would refuse, and that only the live rules refuse. */
  readonly more: number;
  readonly fewer: number;
  readonly held: Both;
  readonly rules: readonly RuleTrial[];
  readonly samples: readonly TrialSample[];
  readonly interrupted: boolean;
}

type Side = 'live' | 'other';

/** What became of one event on one side. */
interface Fate {
  readonly entity: string;
  readonly key: string;
  readonly mpan: string | null;
  readonly generation: number;
  readonly lsn: number;
  readonly rejected: Map<string, readonly BrokenRule[]>;
  readonly held: Set<string>;
}

interface RuleCounts {
  readonly rejected: Record<Side, number>;
  more: number;
  fewer: number;
  readonly held: Record<Side, number>;
  readonly warned: Record<Side, number>;
}

const samplesMax = 10;
/** Of each rule, so that the loudest does not hide the others. */
const samplesPerRuleMax = 3;

/** Adds up what both rule books make of the selected events, group by group. */
export class TrialTally {
  events = 0;
  private fates: Record<Side, Map<string, Fate>> = { live: new Map(), other: new Map() };
  private readonly rejected: Record<Side, number> = { live: 0, other: 0 };
  private readonly held: Record<Side, number> = { live: 0, other: 0 };
  private more = 0;
  private fewer = 0;
  private readonly rules = new Map<string, RuleCounts>();
  private readonly samples: TrialSample[] = [];
  private readonly sampled = new Map<string, number>();

  /** `wanted`: the names of the events that are selected. */
  see(side: Side, effects: Effects, wanted: ReadonlySet<string>, isCounted: boolean): void {
    for (const one of effects.rejections) {
      const { entity, entityKey: key, mpanCore: mpan, generation, lsn, ordinal, id, broken } = one;
      const name = nameOf(entity, key, generation, lsn, ordinal);
      if (wanted.has(name)) this.fate(side, name, { entity, key, mpan, generation, lsn }).rejected.set(id, broken);
    }
    for (const { id, status } of effects.resolutions) {
      if (status === 'withdrawn') for (const fate of this.fates[side].values()) fate.rejected.delete(id);
    }
    for (const { state, held } of effects.heldAdded.values()) {
      const { generation, lsn, ordinal } = held;
      const name = nameOf(state.table.entity, state.key, generation, lsn, ordinal);
      const codes = codesOf(held.broken).filter((code) => code !== loadingCode);
      if (!wanted.has(name) || held.due === null || codes.length === 0) continue;
      const mpan = state.table.entity === 'meter_asset' ? null : state.laneKey;
      const fate = this.fate(side, name, { entity: state.table.entity, key: state.key, mpan, generation, lsn });
      for (const code of codes) fate.held.add(code);
    }
    if (isCounted) for (const [code, times] of effects.warnings) this.rule(code).warned[side] += times;
  }

  /** To be called when both sides of a group are done. */
  settle(events: number): void {
    this.events += events;
    for (const name of new Set([...this.fates.live.keys(), ...this.fates.other.keys()])) {
      this.compare(this.fates.live.get(name), this.fates.other.get(name));
    }
    this.fates = { live: new Map(), other: new Map() };
  }

  counts(interrupted: boolean): TrialCounts {
    const { events, rejected, held, more, fewer, samples } = this;
    const rules = [...this.rules].map(([code, counts]) => ({ code, ...counts }));
    const weight = (rule: RuleTrial): number => rule.more + rule.fewer;
    rules.sort((a, b) => weight(b) - weight(a) || (a.code < b.code ? -1 : 1));
    return { events, rejected, more, fewer, held, rules, samples, interrupted };
  }

  private compare(live: Fate | undefined, other: Fate | undefined): void {
    const one = live ?? other;
    if (one === undefined) return;
    const refused = { live: refusalsOf(live), other: refusalsOf(other) };
    for (const side of ['live', 'other'] as const) {
      if (refused[side].size > 0) this.rejected[side] += 1;
      const waits = (side === 'live' ? live : other)?.held ?? new Set<string>();
      if (waits.size > 0) this.held[side] += 1;
      for (const code of refused[side].keys()) this.rule(code).rejected[side] += 1;
      for (const code of waits) this.rule(code).held[side] += 1;
    }
    const added = [...refused.other.keys()].filter((code) => !refused.live.has(code));
    const ended = [...refused.live.keys()].filter((code) => !refused.other.has(code));
    for (const code of added) this.rule(code).more += 1;
    for (const code of ended) this.rule(code).fewer += 1;
    if (refused.live.size === 0 && refused.other.size > 0) this.more += 1;
    if (refused.live.size > 0 && refused.other.size === 0) this.fewer += 1;
    if (added.length > 0 || ended.length > 0) {
      this.sample(one, refused, [...added, ...ended][0] ?? '', added);
    }
  }

  private sample(
    { entity, key, mpan, generation, lsn }: Fate,
    refused: Record<Side, ReadonlyMap<string, string>>,
    code: string,
    added: readonly string[],
  ): void {
    const ofCode = this.sampled.get(code) ?? 0;
    if (ofCode >= samplesPerRuleMax || this.samples.length >= samplesMax) return;
    this.sampled.set(code, ofCode + 1);
    this.samples.push({
      entity,
      key,
      mpan,
      generation,
      lsn,
      live: [...refused.live.keys()],
      other: [...refused.other.keys()],
      texts: added.map((one) => refused.other.get(one) ?? ''),
    });
  }

  private fate(side: Side, name: string, known: Omit<Fate, 'rejected' | 'held'>): Fate {
    const there = this.fates[side].get(name);
    if (there !== undefined) return there;
    const made: Fate = { ...known, rejected: new Map(), held: new Set() };
    this.fates[side].set(name, made);
    return made;
  }

  private rule(code: string): RuleCounts {
    const known = this.rules.get(code);
    if (known !== undefined) return known;
    const made: RuleCounts = {
      rejected: { live: 0, other: 0 },
      more: 0,
      fewer: 0,
      held: { live: 0, other: 0 },
      warned: { live: 0, other: 0 },
    };
    this.rules.set(code, made);
    return made;
  }
}

/** Code → what it says. */
function refusalsOf(fate: Fate | undefined): ReadonlyMap<string, string> {
  return new Map([...(fate?.rejected.values() ?? [])].flat().map(({ code, text }) => [code, text]));
}

/** What tells an event apart from all others on one topic; of a linked delete and create both are one. */
export function eventName({ topic, key, event }: LaneEvent, source: string): string {
  const entity = tableOfTopic(topic, source)?.entity ?? '';
  const { generation, lsn, ordinal } = event.source;
  return nameOf(entity, entity === 'appointment' ? String(event['appointment_id']) : key, generation, lsn, ordinal);
}

function nameOf(entity: string, key: string, generation: number, lsn: number, ordinal: number): string {
  return `${entity}|${key}|${generation}/${lsn}/${ordinal}`;
}
