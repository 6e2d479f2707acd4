import path from 'node:path';
import { Command } from 'commander';
import { readAddresses, type StackAddresses } from '../local/stack.ts';
import { readState } from '../local/state.ts';
import { placeOf, withCommonOptions, type CommonOptions } from './options.ts';
import { printJson, printTable, UsageError } from './output.ts';
import { readSettings } from './settings.ts';

/** `concord env`: where everything is, with credentials. */
export function envCommand(): Command {
  return withCommonOptions(
    new Command('env').description('print where databases, brokers, registry and console are'),
  ).action((options: CommonOptions) => {
    const addresses = addressesOf(options);
    if (options.json === true) printJson(addresses);
    else printTable(['name', 'address'], Object.entries(addresses), '');
  });
}

function addressesOf(options: CommonOptions): StackAddresses {
  const { dataDir, configurationFile } = placeOf(options);
  if (configurationFile !== path.join(dataDir, 'concord.yaml')) {
    const settings = readSettings(configurationFile);
    return {
      registrationUrl: settings.registration.database.url,
      meteringUrl: settings.metering.database.url,
      kafkaBrokers: settings.kafka.brokers.join(','),
      schemaRegistryUrl: settings.registry.url,
      consoleUrl: `http://${settings.http.host}:${settings.http.meteringPort}`,
    };
  }
  const addresses = readAddresses(dataDir);
  if (addresses !== null) return addresses;
  throw new UsageError(`There is no embedded stack in ${dataDir} yet. Start one with \`concord up\`.`);
}

/** What a person can do with a stack that runs. */
export function whereToLook(dataDir: string, addresses: StackAddresses): string {
  const relative = path.relative(process.cwd(), dataDir);
  const elsewhere = readState(dataDir)?.databasesDirectory;
  const place = relative === '.concord' ? '' : ` --data-dir ${relative.startsWith('..') ? dataDir : relative || '.'}`;
  return `
Everything runs.

  Registration database   psql ${addresses.registrationUrl}
  Metering store          psql ${addresses.meteringUrl}
  Kafka                   ${addresses.kafkaBrokers}
  Schema registry         ${addresses.schemaRegistryUrl}
  Health and metrics      ${addresses.consoleUrl}/healthz · ${addresses.consoleUrl}/metrics
  Logs                    ${path.join(relative.startsWith('..') ? dataDir : relative || '.', 'logs')}${elsewhere === undefined ? '' : `\n  Files of the databases  ${elsewhere} (their user can not reach ${dataDir})`}

Try:

  npx concord status${place}                    processes, lag, balance
  npx concord tail metering.rejection${place}   what the metering side does not accept
  npx concord rejections list${place}           the same, as it stands in the store
  npx concord generate${place}                  a living registration database
  npx concord down${place}                      stop everything; the data stays`;
}
