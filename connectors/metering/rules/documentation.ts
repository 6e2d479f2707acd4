import type { Disposition, Entity, Rule, Stage, Subject } from './contract.ts';
import type { RuleExample } from './example-world.ts';
import { examplesOf } from './examples.ts';
import { judge } from './judge.ts';
import { ruleBook } from './rule-book.ts';
import { isoDay } from './wording.ts';

export const flowNames: Readonly<Record<Entity, string>> = {
  metering_point: '1 registration data',
  appointment: '2 appointments',
  meter_asset: 'meter assets',
};

export const stageNames: Readonly<Record<Stage, string>> = {
  form: 'Form',
  reference: 'Reference data at a date',
  record: 'Within the record',
  store: 'Against the store',
  cross: 'Across flows',
};

export const dispositionNames: Readonly<Record<Disposition, string>> = {
  error: 'error: the record can not be processed',
  rejection: 'rejection: a well-formed appointment is refused',
  hold: 'hold: what is needed may still arrive; becomes an error when the time is up',
  warn: 'warning: applied and counted',
};

/** One example as people and programs read it. */
export interface ToldExample {
  readonly title: string;
  readonly passes: boolean;
  readonly recordType: Subject['recordType'];
  /** How the record differs from a good one; dates as ISO text. */
  readonly items: Readonly<Record<string, unknown>>;
  readonly invalid: Readonly<Record<string, string>>;
  /** What the whole judge says: kind, codes with warnings, and texts. */
  readonly verdict: string;
  readonly codes: readonly string[];
  readonly texts: readonly string[];
}

function legible(item: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (/_(?:efd|etd|on)$/.test(item)) return isoDay(value);
  return item === 'line_loss_factor' ? value / 1_000_000 : value;
}

/** Runs an example and tells it. */
export function tellExample({ title, passes, change, subject, circumstances }: RuleExample): ToldExample {
  const { kind, broken, warnings } = judge(subject, circumstances);
  const told = [...broken, ...warnings];
  return {
    title,
    passes,
    recordType: subject.recordType,
    items: Object.fromEntries(Object.entries(change).map(([item, value]) => [item, legible(item, value)])),
    invalid: subject.invalid,
    verdict: kind,
    codes: [...new Set(told.map((rule) => rule.code))],
    texts: told.map((rule) => rule.text),
  };
}

/** A rule with its examples, as `rules show --json` prints it. */
export function tellRule(rule: Rule) {
  const { code, disposition, stage, entities, items, aboutToday, sentence, remedy, support } = rule;
  return {
    code,
    sentence,
    disposition,
    stage,
    flows: entities.map((entity) => flowNames[entity]),
    items,
    aboutToday,
    remedy,
    support,
    examples: examplesOf(code).map(tellExample),
  };
}

/** `supplier_efd NULL, invalid supplier_efd "infinity"`, or what stands for a record that differs in nothing. */
export function describeChange({ items, invalid, recordType }: ToldExample): string {
  const changes = [
    ...Object.entries(items).map(([item, value]) => `${item} ${value === null ? 'NULL' : JSON.stringify(value)}`),
    ...Object.entries(invalid).map(([item, text]) => `invalid ${item} ${JSON.stringify(text)}`),
  ];
  return [recordType, ...changes].join(', ');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function exampleLine(example: ToldExample): string {
  const verdict = example.codes.length === 0 ? example.verdict : `${example.verdict}: ${example.codes.join(', ')}`;
  return `| ${[example.title, `\`${describeChange(example)}\``, verdict, example.texts.join(' ')].map(cell).join(' | ')} |`;
}

function ruleSection(rule: Rule): readonly string[] {
  const { code, sentence, disposition, flows, items, aboutToday, remedy, support, examples } = tellRule(rule);
  return [
    `### ${code}`,
    '',
    sentence,
    '',
    `- Disposition: ${dispositionNames[disposition]}`,
    `- Flows: ${flows.join('; ')}`,
    `- Items: ${items.map((item) => `\`${item}\``).join(', ')}`,
    ...(aboutToday
      ? ['- About today: judged on a create, or when an EFD or the reason changes; never on a read.']
      : []),
    `- What to do: ${remedy}`,
    `- Support: ${support}`,
    '',
    '| example | record | verdict | text |',
    '|---|---|---|---|',
    ...examples.map(exampleLine),
    '',
  ];
}

/** The whole page `docs/rules.md`. Made from the rules alone, so that it can not say what they do not do. */
export function ruleBookMarkdown(): string {
  const stages = [...new Set(ruleBook.map((rule) => rule.stage))];
  const lines = [
    '# The rule book',
    '',
    'This page is made from the rules themselves; change them, not it.',
    '',
    'The stages run in this order. All broken rules of the first stage that fails are told, and later stages are not run. Within a',
    'stage an error beats a rejection, and a rejection beats a hold. Warnings are applied and counted. A rule whose data is absent',
    'is silent. Deletes run the last two stages only. An appointment to another metering service that reference data knows is not',
    'ours, before any rule. Each example says how its record differs from a good one, and what the whole rule book says of it.',
    '',
    ...stages.flatMap((stage) => [
      `## ${stageNames[stage]}`,
      '',
      ...ruleBook.filter((rule) => rule.stage === stage).flatMap(ruleSection),
    ]),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}
