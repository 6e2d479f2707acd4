import type { BrokenRule, Circumstances, Disposition, Entity, Rule, Stage, Subject } from './contract.ts';

/** What a rule finds: the item that breaks it (null for the record as a whole) and the sentence for people. */
export interface Finding {
  readonly item: string | null;
  readonly text: string;
}

type Findings = readonly Finding[];
type Look<E extends Entity> = (subject: Subject<E>, circumstances: Circumstances) => Findings;

/** A rule as it is written down: the entities it is about are those that it knows how to look at. */
export interface RuleDefinition {
  readonly code: string;
  readonly disposition: Disposition;
  readonly stage: Stage;
  readonly items: readonly string[];
  readonly aboutToday?: boolean;
  readonly sentence: string;
  readonly remedy: string;
  readonly support: string;
  readonly on: { readonly [E in Entity]?: Look<E> };
}

/** The one empty answer: most records break nothing, and that must not cost an allocation per rule. */
export const nothing: readonly never[] = Object.freeze([]);

const entities: readonly Entity[] = ['metering_point', 'appointment', 'meter_asset'];

export function isMeteringPoint(subject: Subject): subject is Subject<'metering_point'> {
  return subject.entity === 'metering_point';
}

export function isAppointment(subject: Subject): subject is Subject<'appointment'> {
  return subject.entity === 'appointment';
}

export function isMeterAsset(subject: Subject): subject is Subject<'meter_asset'> {
  return subject.entity === 'meter_asset';
}

/** Makes a rule of its definition: findings get the rule's code, and an entity it is not about gets no answer. */
export function defineRule(definition: RuleDefinition): Rule {
  const { on, aboutToday = false, ...data } = definition;
  const { code } = data;
  const point = on.metering_point;
  const appointment = on.appointment;
  const asset = on.meter_asset;

  function look(subject: Subject, circumstances: Circumstances): Findings {
    if (isMeteringPoint(subject)) return point === undefined ? nothing : point(subject, circumstances);
    if (isAppointment(subject)) return appointment === undefined ? nothing : appointment(subject, circumstances);
    if (isMeterAsset(subject)) return asset === undefined ? nothing : asset(subject, circumstances);
    return nothing;
  }

  return {
    ...data,
    aboutToday,
    entities: entities.filter((entity) => on[entity] !== undefined),
    judge(subject: Subject, circumstances: Circumstances): readonly BrokenRule[] {
      const findings = look(subject, circumstances);
      return findings.length === 0 ? nothing : findings.map(({ item, text }) => ({ code, item, text }));
    },
  };
}

/** The answer of a rule that is broken in one place. */
export function finding(item: string | null, text: string): Findings {
  return [{ item, text }];
}
