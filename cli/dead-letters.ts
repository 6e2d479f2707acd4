import { Command, Option } from 'commander';
import { recordSchemaOf, type RecordSchema } from '../avro/schemas.ts';
import type { TopicDefinition } from '../topics/catalogue.ts';
import { catalogueOf, decodersOf, registryOf } from './connections.ts';
import { generatedSchemas } from './generated-schemas.ts';
import { examine, type Examination } from './dead-letters/examine.ts';
import { printExamination, printLetters, shownExamination, shownLetter } from './dead-letters/page.ts';
import { type BoxedLetter, letterName, readBoxes } from './dead-letters/places.ts';
import { planRedrive, type RedrivePlan } from './dead-letters/plan.ts';
import { redrive } from './dead-letters/redrive.ts';
import { untilInterrupted } from './interruption.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, printTable, UsageError } from './output.ts';
import type { Settings } from './settings.ts';

interface ChoiceOptions extends CommonOptions {
  readonly topic?: string;
  readonly reveal?: boolean;
}

/** `concord dead-letters list|show|redrive`: records that could not be decoded, and what to do about them. */
export function deadLettersCommand(): Command {
  const command = new Command('dead-letters').description('records that could not be decoded');
  withCommonOptions(command.command('list', { isDefault: true }).description('list them, newest first'))
    .option('--topic <topic>', 'only those of one topic')
    .addOption(new Option('--state <state>', 'which ones').choices(['open', 'closed', 'all']).default('open'))
    .option('--limit <rows>', 'at most so many', '50')
    .option('--reveal', 'show MPAN cores unmasked')
    .action(list);
  withCommonOptions(
    command
      .command('show')
      .description('one of them: its bytes, its schema, what can be read of it, and which field can not')
      .argument('<letter>', 'as list shows it: TOPIC/PARTITION@OFFSET'),
  )
    .option('--reveal', 'show MPAN cores unmasked')
    .action(show);
  withCommonOptions(
    command
      .command('redrive')
      .description(
        'after the cause is mended: have the source read again what they are about; shows first, --yes does it',
      )
      .argument('[letters...]', 'as list shows them; all that are open without'),
  )
    .option('--topic <topic>', 'only those of one topic')
    .option('--yes', 'do it')
    .option('--reveal', 'show MPAN cores unmasked')
    .addHelpText('after', '\nExit code 3 when there is something to do, or something is left.')
    .action(redriveLetters);
  return command;
}

async function list(options: ChoiceOptions & { readonly state: string; readonly limit: string }): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError(`--limit ${options.limit} is not a number of rows; give 1 or more.`);
  }
  const settings = settingsOf(options);
  const wanted = (await readBoxes(settings))
    .filter(({ topic }) => options.topic === undefined || topic === options.topic)
    .filter(({ result }) => options.state === 'all' || (result === null) === (options.state === 'open'));
  const letters = wanted
    .toReversed()
    .slice(0, limit)
    .map((letter) => shownLetter(letter, isKeyedByMpan(settings, letter), options.reveal === true));
  if (options.json === true) printJson(letters);
  else {
    printLetters(letters, 'There is no dead letter.');
    if (wanted.length > limit) print(`… and ${wanted.length - limit} more; --limit shows them.`);
  }
}

async function show(name: string, options: ChoiceOptions): Promise<void> {
  const settings = settingsOf(options);
  const letter = named(await readBoxes(settings), name);
  await withExaminer(settings, async (look) => {
    const { examination, plan } = await look(letter);
    const isMpan = isKeyedByMpan(settings, letter);
    const one = shownExamination(letter, examination, plan, isMpan, options.reveal === true);
    if (options.json === true) printJson(one);
    else printExamination(one);
  });
}

async function redriveLetters(
  names: readonly string[],
  options: ChoiceOptions & { readonly yes?: boolean },
): Promise<void> {
  const settings = settingsOf(options);
  const all = await readBoxes(settings);
  const chosen = (names.length === 0 ? all : names.map((name) => named(all, name)))
    .filter(({ topic }) => options.topic === undefined || topic === options.topic)
    .filter(({ result }) => result === null);
  const tell = options.json === true ? null : print;
  const interruption = untilInterrupted();
  const done: { letter: string; does: string; outcome: string }[] = [];
  await withExaminer(settings, async (look) => {
    for (const letter of chosen) {
      const { plan } = await look(letter);
      let outcome = plan.wish === null ? 'left' : 'planned';
      if (plan.wish !== null && options.yes === true) {
        outcome = interruption.aborted ? 'left' : await redrive(settings, letter, plan, tell, interruption);
      }
      done.push({ letter: letterName(letter), does: plan.says, outcome });
    }
  });
  if (options.json === true) printJson(done);
  else printRedriven(done, options.yes === true);
  const isLeft = done.some(({ outcome }) => outcome !== 'closed' && outcome !== 'was closed');
  process.exitCode = isLeft ? exit.found : exit.done;
}

function printRedriven(done: readonly { letter: string; does: string; outcome: string }[], isDone: boolean): void {
  printTable(
    ['letter', 'what is done', 'outcome'],
    done.map(({ letter, does, outcome }) => [letter, does, outcome]),
    'There is no open dead letter.',
  );
  if (done.length === 0) return;
  const count = (outcome: string): number => done.filter((one) => one.outcome === outcome).length;
  if (!isDone) print(`\nNothing was done yet: --yes does it for ${count('planned')} of ${done.length}.`);
  else print(`\n${count('closed')} of ${done.length} are closed. What is left stays open, and can be redriven again.`);
}

type Look = (letter: BoxedLetter) => Promise<{ examination: Examination; plan: RedrivePlan }>;

async function withExaminer(settings: Settings, act: (look: Look) => Promise<void>): Promise<void> {
  const registry = registryOf(settings);
  try {
    const generated = await generatedSchemas(settings);
    const { event: decoder } = decodersOf(settings, registry, generated);
    await act(async (letter) => {
      const schema = generated.get(letter.topic) ?? schemaOf(settings, letter);
      const examination = await examine(letter, decoder, registry, schema);
      return { examination, plan: planRedrive(letter, examination.event, schema, letter.box.source) };
    });
  } finally {
    registry.close();
  }
}

function named(letters: readonly BoxedLetter[], name: string): BoxedLetter {
  const found = letters.find((letter) => letterName(letter) === name);
  if (found !== undefined) return found;
  throw new UsageError(`There is no dead letter ${name}. \`concord dead-letters list --state all\` lists them.`);
}

function topicOf(settings: Settings, { topic }: BoxedLetter): TopicDefinition | undefined {
  return catalogueOf(settings).find(({ name }) => name === topic);
}

function schemaOf(settings: Settings, letter: BoxedLetter): RecordSchema | null {
  const schema = topicOf(settings, letter)?.schema ?? null;
  return schema === null ? null : recordSchemaOf(schema);
}

function isKeyedByMpan(settings: Settings, letter: BoxedLetter): boolean {
  return topicOf(settings, letter)?.key === 'MPAN core';
}
