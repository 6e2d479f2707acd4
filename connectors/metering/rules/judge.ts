import {
  type BrokenRule,
  type Circumstances,
  type Disposition,
  type Entity,
  type Rule,
  type RuleParameters,
  type Stage,
  type Subject,
  stages,
  type Verdict,
} from './contract.ts';
import { isAppointment, isMeterAsset, isMeteringPoint, nothing } from './define.ts';
import { ruleBook } from './rule-book.ts';
import { isOurs } from './services.ts';

/** A rule as it is run: what its breach means is looked up once, when the plan is made. */
interface PlannedRule {
  readonly rule: Rule;
  readonly isWarning: boolean;
  readonly weight: number;
}

interface PlannedStage {
  readonly stage: Stage;
  readonly rules: readonly PlannedRule[];
}

/** The rules that run for one entity: for content that is new, for content that is not about today, and for a delete. */
interface Plan {
  readonly fresh: readonly PlannedStage[];
  readonly timeless: readonly PlannedStage[];
  readonly deletion: readonly PlannedStage[];
}

type Plans = Readonly<Record<Entity, Plan>>;

/** What the parameters say of which rules run, and of what their breach means. */
type Weighing = Pick<RuleParameters, 'disabled' | 'dispositions'>;

// Error beats rejection beats hold.
const weights: Readonly<Record<Disposition, number>> = { error: 3, rejection: 2, hold: 1, warn: 0 };
const kindOfWeight: readonly Verdict['kind'][] = ['accept', 'hold', 'rejection', 'error'];

const accepted: Verdict = Object.freeze({ kind: 'accept', stage: null, broken: nothing, warnings: nothing });
const notOurs: Verdict = Object.freeze({ kind: 'not-ours', stage: null, broken: nothing, warnings: nothing });

function planFor(entity: Entity, { disabled, dispositions }: Weighing): Plan {
  const rules = ruleBook.filter((rule) => rule.entities.includes(entity) && !disabled.includes(rule.code));
  const planned = (rule: Rule): PlannedRule => {
    const disposition = dispositions[rule.code] ?? rule.disposition;
    return { rule, isWarning: disposition === 'warn', weight: weights[disposition] };
  };
  const staged = (chosen: readonly Rule[]): readonly PlannedStage[] =>
    stages
      .map((stage) => ({ stage, rules: chosen.filter((rule) => rule.stage === stage).map(planned) }))
      .filter((planned) => planned.rules.length > 0);
  return {
    fresh: staged(rules),
    timeless: staged(rules.filter((rule) => !rule.aboutToday)),
    deletion: staged(rules.filter((rule) => rule.stage === 'store' || rule.stage === 'cross')),
  };
}

function plansFor(weighing: Weighing): Plans {
  return {
    metering_point: planFor('metering_point', weighing),
    appointment: planFor('appointment', weighing),
    meter_asset: planFor('meter_asset', weighing),
  };
}

const everyRule = plansFor({ disabled: [], dispositions: {} });
const plansByParameters = new WeakMap<RuleParameters, Plans>();
/** A process judges by one rule book nearly always: it is found without a look-up. */
let latest: { readonly parameters: RuleParameters; readonly plans: Plans } | null = null;

function madePlans(parameters: RuleParameters): Plans {
  const isTheBook = parameters.disabled.length === 0 && Object.keys(parameters.dispositions).length === 0;
  const plans = isTheBook ? everyRule : plansFor(parameters);
  plansByParameters.set(parameters, plans);
  return plans;
}

function plansOf(parameters: RuleParameters): Plans {
  if (latest?.parameters === parameters) return latest.plans;
  const plans = plansByParameters.get(parameters) ?? madePlans(parameters);
  latest = { parameters, plans };
  return plans;
}

/**
 * May rules about today run? A replay decides the same and history is not refused, so only on a create, or when a date
 * or the reason is not what was last received. An update of what was never received has nothing to be the same as.
 */
function isFresh(subject: Subject): boolean {
  if (subject.recordType === 'create') return true;
  if (subject.recordType !== 'update') return false;
  if (isAppointment(subject)) {
    const { items, previous } = subject;
    return (
      previous === null ||
      items.metering_service_efd !== previous.metering_service_efd ||
      items.supplier_efd !== previous.supplier_efd ||
      items.reason !== previous.reason
    );
  }
  if (isMeteringPoint(subject)) {
    const { items, previous } = subject;
    return (
      previous === null ||
      items.supplier_efd !== previous.supplier_efd ||
      items.data_service_efd !== previous.data_service_efd ||
      items.metering_service_efd !== previous.metering_service_efd
    );
  }
  return isMeterAsset(subject) && (subject.previous === null || subject.items.map_efd !== subject.previous.map_efd);
}

function isNotOurs(subject: Subject, { reference, parameters }: Circumstances): boolean {
  if (!isAppointment(subject)) return false;
  const { mpid } = subject.items;
  return mpid !== null && !isOurs(mpid, parameters) && reference.everHeld(mpid, parameters.roles.meteringService);
}

function chosenStages(subject: Subject, parameters: RuleParameters): readonly PlannedStage[] {
  const plan = plansOf(parameters)[subject.entity];
  if (subject.recordType === 'delete') return plan.deletion;
  return isFresh(subject) ? plan.fresh : plan.timeless;
}

/**
 * What the rule book says of one record: the stages in order, all broken rules of the first stage that fails, and the
 * warnings of every stage that was run. Pure; a record without fault or warning costs no allocation.
 */
export function judge(subject: Subject, circumstances: Circumstances): Verdict {
  if (isNotOurs(subject, circumstances)) return notOurs;
  let warnings: readonly BrokenRule[] = nothing;
  for (const { stage, rules } of chosenStages(subject, circumstances.parameters)) {
    let broken: readonly BrokenRule[] = nothing;
    let heaviest = 0;
    for (const { rule, isWarning, weight } of rules) {
      const found = rule.judge(subject, circumstances);
      if (found.length === 0) continue;
      if (isWarning) {
        warnings = joined(warnings, found);
      } else {
        broken = joined(broken, found);
        heaviest = Math.max(heaviest, weight);
      }
    }
    if (heaviest > 0) return { kind: kindOfWeight[heaviest] ?? 'error', stage, broken, warnings };
  }
  return warnings.length === 0 ? accepted : { kind: 'accept', stage: null, broken: nothing, warnings };
}

function joined(known: readonly BrokenRule[], found: readonly BrokenRule[]): readonly BrokenRule[] {
  return known.length === 0 ? found : [...known, ...found];
}

/** The codes of broken rules, each once, in the order of the rule book: what goes into `rule_codes`. */
export function codesOf(broken: readonly BrokenRule[]): readonly string[] {
  return [...new Set(broken.map((rule) => rule.code))];
}
