import { Command } from 'commander';
import { schemaIdOf } from '../avro/codec.ts';
import { formatLsn } from '../avro/position.ts';
import { createLog } from '../runtime/log.ts';
import { maskDigits } from '../runtime/mask.ts';
import type { FetchedRecord } from '../topics/contract.ts';
import { createFollower } from '../topics/follower.ts';
import { readOffsets } from '../topics/offsets.ts';
import { catalogueOf, decodersOf, kafkaOf, registryOf } from './connections.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, UsageError } from './output.ts';

interface TailOptions extends CommonOptions {
  readonly fromBeginning?: boolean;
  readonly max?: string;
  readonly noFollow?: boolean;
  readonly follow: boolean;
  readonly key?: string;
  readonly reveal?: boolean;
}

interface Tailed {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly event: unknown;
}

/** `concord tail TOPIC`: decoded events as they are committed. With --json, one document a line. */
export function tailCommand(): Command {
  return withCommonOptions(
    new Command('tail')
      .description('show the decoded events of a topic as they are committed, until Ctrl-C')
      .argument('<topic>', 'such as metering.rejection'),
  )
    .option('--from-beginning', 'from the first event that is still there (default: what comes from now on)')
    .option('--no-follow', 'stop at the end of the topic')
    .option('--max <events>', 'stop after so many')
    .option('--key <text>', 'only events with this key, such as an MPAN core')
    .option('--reveal', 'show MPAN cores unmasked')
    .action(tail);
}

async function tail(topic: string, options: TailOptions): Promise<void> {
  const settings = settingsOf(options);
  const known = catalogueOf(settings).find((one) => one.name === topic);
  if (known === undefined) {
    const names = catalogueOf(settings).map((one) => one.name);
    throw new UsageError(`There is no topic ${topic}. There are:\n  ${names.join('\n  ')}`);
  }
  const log = createLog('tail', 'error');
  const kafka = kafkaOf(settings, 'tail', log);
  const registry = registryOf(settings);
  const decoder = decodersOf(settings, registry).event;
  const ends = await readOffsets(kafka, [topic]);
  const max = options.max === undefined ? Number.POSITIVE_INFINITY : Number(options.max);
  const follower = createFollower(kafka, [topic]);
  const open = new Set([...ends].filter(([, offsets]) => offsets.latest > offsets.earliest).map(([name]) => name));
  let shown = 0;
  let work: Promise<void> = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    process.once('SIGINT', resolve);
    if (!options.follow && (open.size === 0 || options.fromBeginning !== true)) resolve();
    const show = async (partition: number, records: readonly FetchedRecord[]): Promise<void> => {
      for (const record of records) {
        const latest = ends.get(`${topic}/${partition}`)?.latest ?? 0;
        if (options.fromBeginning !== true && record.offset < latest) continue;
        if (options.key !== undefined && record.key?.toString() !== options.key) continue;
        if (shown >= max) break;
        const event =
          record.value === null
            ? null
            : known.schema === null
              ? record.value.toString('base64')
              : await decode(record.value);
        say({ topic, partition, offset: record.offset, key: record.key?.toString() ?? null, event }, options);
        shown += 1;
      }
      if (shown >= max) resolve();
    };
    const decode = async (value: Buffer): Promise<unknown> => {
      try {
        await decoder.prepare([schemaIdOf(value)]);
        return decoder.decode(topic, value);
      } catch (error) {
        return { undecodable: error instanceof Error ? error.message : String(error), hex: value.toString('hex') };
      }
    };
    follower
      .start((batch) => {
        work = work.then(() => show(batch.partition, batch.records));
        const name = `${topic}/${batch.partition}`;
        if (batch.nextOffset >= (ends.get(name)?.latest ?? 0)) open.delete(name);
        if (!options.follow && open.size === 0) void work.then(() => resolve(), reject);
      }, reject)
      .catch(reject);
  });
  await work;
  await follower.stop();
  registry.close();
  process.exitCode = exit.done;
}

function say(tailed: Tailed, options: TailOptions): void {
  const text = options.json === true ? JSON.stringify(tailed) : describe(tailed);
  print(options.reveal === true ? text : maskDigits(text));
}

function describe({ partition, offset, key, event }: Tailed): string {
  const at = `${partition}@${offset}`.padEnd(12);
  if (event === null || typeof event !== 'object')
    return `${at} ${key ?? ''} ${event === null ? 'tombstone' : JSON.stringify(event)}`;
  const { recordType, source, senderId, createdAt, correlationId, invalid, unchanged, ...items } = event as Record<
    string,
    unknown
  >;
  const position =
    source !== null && typeof source === 'object' && 'lsn' in source && 'ordinal' in source
      ? `${formatLsn(Number(source.lsn))} #${String(source.ordinal)}`
      : '';
  const extra = { correlationId, invalid, unchanged };
  const shown = Object.entries({
    ...items,
    ...Object.fromEntries(Object.entries(extra).filter(([, value]) => isFilled(value))),
  });
  const from =
    typeof senderId !== 'string'
      ? ''
      : ` from ${senderId}${typeof createdAt === 'number' ? ` ${new Date(createdAt / 1000).toISOString()}` : ''}`;
  return `${at} ${(typeof recordType === 'string' ? recordType : 'record').padEnd(10)} ${key ?? ''} ${position}${from}\n${shown
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `             ${name} = ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('\n')}`;
}

function isFilled(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
