import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import {
  describeChange,
  dispositionNames,
  ruleBookMarkdown,
  stageNames,
  tellRule,
} from '../connectors/metering/rules/documentation.ts';
import type { Rule } from '../connectors/metering/rules/contract.ts';
import { ruleBook, ruleOf } from '../connectors/metering/rules/rule-book.ts';
import { nearestOf } from '../connectors/metering/rules/suggestion.ts';
import { withCommonOptions, type CommonOptions } from './options.ts';
import { print, printJson, printTable, UsageError } from './output.ts';

/** `concord rules list|show CODE`: the rule book, from the same data that judges. */
export function rulesCommand(): Command {
  const rules = new Command('rules').description('the rule book: what is refused, held or warned of, and why');
  withCommonOptions(rules.command('list').description('list every rule')).action((options: CommonOptions) => {
    list(options.json === true);
  });
  withCommonOptions(
    rules.command('show').description('show one rule with its examples').argument('<code>', 'such as MPAN_CHECK_DIGIT'),
  ).action((code: string, options: CommonOptions) => {
    show(known(code), options.json === true);
  });
  rules
    .command('document', { hidden: true })
    .description('write the page of the rule book')
    .argument('[file]', 'where to', 'docs/rules.md')
    .action((file: string) => {
      writeRuleBook(file);
    });
  return rules;
}

/** Writes the page of the rule book. */
export function writeRuleBook(file: string): void {
  writeFileSync(file, ruleBookMarkdown());
}

function known(code: string): Rule {
  const rule = ruleOf(code.toUpperCase());
  if (rule !== null) return rule;
  const near = nearestOf(
    code,
    ruleBook.map((one) => one.code),
  );
  const hint = near === null ? '' : ` Did you mean ${near}?`;
  throw new UsageError(`There is no rule ${code}.${hint} \`concord rules list\` lists them.`);
}

const flowOf = { metering_point: '1', appointment: '2', meter_asset: 'asset' } as const;

function list(asJson: boolean): void {
  if (asJson) {
    printJson(
      ruleBook.map(({ code, entities, disposition, stage, items, aboutToday, sentence, remedy, support }) => ({
        code,
        flows: entities.map((entity) => flowOf[entity]),
        disposition,
        stage,
        items,
        aboutToday,
        sentence,
        remedy,
        support,
      })),
    );
    return;
  }
  printTable(
    ['code', 'flows', 'disposition', 'stage', 'what must hold'],
    ruleBook.map((rule) => [
      rule.code,
      rule.entities.map((entity) => flowOf[entity]).join(' '),
      rule.disposition,
      rule.stage,
      rule.sentence,
    ]),
    'There is no rule.',
  );
}

function show(rule: Rule, asJson: boolean): void {
  const told = tellRule(rule);
  if (asJson) {
    printJson(told);
    return;
  }
  print(`${told.code}: ${told.sentence}\n`);
  print(`Disposition  ${dispositionNames[told.disposition]}`);
  print(`Stage        ${stageNames[told.stage]}`);
  print(`Flows        ${told.flows.join('; ')}`);
  print(`Items        ${told.items.join(', ')}`);
  if (told.aboutToday) print('About today  judged on a create, or when an EFD or the reason changes; never on a read');
  print(`What to do   ${told.remedy}`);
  print(`Support      ${told.support}\n`);
  for (const example of told.examples) {
    print(`${example.passes ? 'holds ' : 'broken'}  ${example.title}`);
    print(`        ${describeChange(example)}`);
    print(`        → ${[example.verdict, ...example.codes].join(' ')}`);
    for (const text of example.texts) print(`          ${text}`);
  }
}
