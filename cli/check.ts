import { Command } from 'commander';
import type { Logger } from 'pino';
import { createLog } from '../runtime/log.ts';
import { attempt, type Finding } from './checks/finding.ts';
import { checkPorts } from './checks/ports.ts';
import { checkSourceOf } from './checks/source.ts';
import { checkMeteringStore, checkRegistrationStore } from './checks/store.ts';
import { checkRegistry, checkTopics } from './checks/topics.ts';
import { generatedSchemas } from './generated-schemas.ts';
import { mirrorsOf } from './mirrors.ts';
import { notPublished } from './sides/look-at-mirrors.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson } from './output.ts';
import type { Settings } from './settings.ts';
import { meteringSourceOf, registrationSourceOf } from './sides/settings-of.ts';

/** `concord check`: looks at everything that Concord needs, changes nothing, and tells all findings at once. */
export function checkCommand(): Command {
  return withCommonOptions(
    new Command('check').description(
      'look at databases, Kafka, registry and ports; each finding comes with its remedy, exit code 3 when there is one',
    ),
  ).action(async (options: CommonOptions) => {
    const findings = await readFindings(settingsOf(options), createLog('check', 'fatal'));
    if (options.json === true) printJson({ findings });
    else printFindings(findings);
    process.exitCode = findings.length === 0 ? exit.done : exit.found;
  });
}

/** Every check, at the same time; one that can not be made does not keep the others from being made. */
export async function readFindings(settings: Settings, log: Logger): Promise<readonly Finding[]> {
  const { registration, metering } = settings;
  const databases: readonly [place: string, store: () => Promise<readonly Finding[]>, source: SourceCheck][] = [
    [
      'registration database',
      () => checkRegistrationStore(settings),
      async (place, complete) => {
        const generated = await generatedSchemas(settings);
        const source = registrationSourceOf(settings, generated);
        const absent = mirrorsOf(settings).filter(({ topic }) => !generated.has(topic));
        return [
          ...(await checkSourceOf(place, registration.database, source, complete)),
          ...absent.map((mirror) => {
            const { code, text, remedy } = notPublished(mirror, false, registration.publication);
            return { place, code, text, remedy };
          }),
        ];
      },
    ],
    [
      'metering database',
      () => checkMeteringStore(settings, log),
      (place, complete) => checkSourceOf(place, metering.database, meteringSourceOf(settings), complete),
    ],
  ];
  const found = await Promise.all([
    ...databases.map(([place, store, source]) => checkDatabase(place, store, source)),
    attempt('Kafka', () => checkTopics(settings, log)),
    attempt('schema registry', () => checkRegistry(settings)),
    attempt('HTTP', () => checkPorts(settings)),
  ]);
  return found.flat();
}

type SourceCheck = (place: string, storeComplete: boolean) => Promise<readonly Finding[]>;

async function checkDatabase(
  place: string,
  checkStore: () => Promise<readonly Finding[]>,
  checkSource: SourceCheck,
): Promise<readonly Finding[]> {
  const ofStore = await attempt(place, checkStore);
  const storeComplete = !ofStore.some((one) => one.code === 'STORE_TABLES_MISSING');
  const ofSource = await attempt(place, () => checkSource(place, storeComplete));
  // A database that is away is told once, in the words of the source's own check.
  return [...ofStore.filter(({ code }) => !ofSource.some((one) => one.code === code)), ...ofSource];
}

/** Findings that one act mends stand together: thirty missing topics are one `concord init`. */
function printFindings(findings: readonly Finding[]): void {
  if (findings.length === 0) {
    print('Everything is in order: databases, Kafka, schema registry and HTTP ports.');
    return;
  }
  print(findings.length === 1 ? 'There is one finding.' : `There are ${findings.length} findings.`);
  const groups = new Map<string, Finding[]>();
  for (const one of findings) {
    const key = `${one.place} ${one.code} ${one.remedy}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  for (const group of groups.values()) printGroup(group);
}

function printGroup(group: readonly Finding[]): void {
  const [first] = group;
  if (first === undefined) return;
  const texts = group.map(({ text }) => `\n  ${text}`).join('');
  print(`\n✗ ${first.place}: ${first.code}${texts}\n  → ${first.remedy}`);
}
