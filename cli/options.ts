import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { readSettings, type Settings } from './settings.ts';
import { UsageError } from './output.ts';

/** Where a command finds its configuration. */
export interface Place {
  readonly dataDir: string;
  readonly configurationFile: string;
}

export interface CommonOptions {
  readonly dataDir?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** Adds the options that every command has. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--data-dir <directory>', 'the embedded stack of this directory (default: .concord)')
    .option(
      '--config <file>',
      'a configuration file, for servers of your own (default: concord.yaml, where there is one)',
    )
    .option('--json', 'print one JSON document on standard output and nothing else');
}

/** `--config`, else `--data-dir`, else `concord.yaml` here, else the embedded stack in `.concord`. */
export function placeOf(options: CommonOptions): Place {
  if (options.config !== undefined && options.dataDir !== undefined) {
    throw new UsageError('Give either --config or --data-dir: the data directory has a configuration of its own.');
  }
  if (options.config !== undefined)
    return { dataDir: path.resolve('.concord'), configurationFile: path.resolve(options.config) };
  if (options.dataDir === undefined && existsSync('concord.yaml')) {
    return { dataDir: path.resolve('.concord'), configurationFile: path.resolve('concord.yaml') };
  }
  const dataDir = path.resolve(options.dataDir ?? '.concord');
  return { dataDir, configurationFile: path.join(dataDir, 'concord.yaml') };
}

export function settingsOf(options: CommonOptions): Settings {
  const place = placeOf(options);
  if (options.config === undefined && !existsSync(place.configurationFile)) {
    throw new UsageError(
      `There is no embedded stack in ${path.relative('.', place.dataDir) || place.dataDir} yet, and no concord.yaml here. ` +
        'Start one with `concord up`, or name your configuration with --config.',
    );
  }
  return readSettings(place.configurationFile);
}
