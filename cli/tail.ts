import { Command, Option } from 'commander';
import { recordSchemaOf } from '../avro/schemas.ts';
import type { Position } from '../avro/position.ts';
import { nowMs } from '../runtime/clock.ts';
import { createLog } from '../runtime/log.ts';
import type { TopicDefinition } from '../topics/catalogue.ts';
import type { FetchedBatch, FetchedRecord } from '../topics/contract.ts';
import { partitionOf } from '../topics/partitioner.ts';
import { readRanges } from '../topics/range-reader.ts';
import { catalogueOf, decodersOf, kafkaOf, registryOf } from './connections.ts';
import { decodeRecord, describeRecord, type ShownRecord } from './decoded-record.ts';
import { untilInterrupted } from './interruption.ts';
import { mirrorsOf, noGenerated, registeredSchemas } from './mirrors.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, UsageError } from './output.ts';
import type { Settings } from './settings.ts';
import { shown, shownKey } from './shown.ts';
import { lastOfEach, newestOf, type PlacedRecord } from './tail-last.ts';
import { parseFrom, rangesFrom } from './tail-range.ts';

interface TailOptions extends CommonOptions {
  readonly from?: string;
  readonly last?: string;
  readonly fromBeginning?: boolean;
  readonly partition?: string;
  readonly follow: boolean;
  readonly limit?: string;
  readonly max?: string;
  readonly key?: string;
  readonly mpan?: string;
  readonly reveal?: boolean;
}

/** `concord tail TOPIC`: decoded events as they are committed. With --json, one document a line. */
export function tailCommand(): Command {
  return withCommonOptions(
    new Command('tail')
      .description('show the decoded events of a topic as they are committed, until Ctrl-C')
      .argument('<topic>', 'such as metering.rejection'),
  )
    .option(
      '--from <place>',
      'beginning, end, an offset, -N for the last N of each partition, a time (2026-03-01T06:00Z) or how long ago (15m, 2h, 30d); the default is end, and with --no-follow the last 10 of the topic',
    )
    .option('-n, --last <events>', 'begin with the last so many of the topic, over all its partitions')
    .option('--partition <numbers>', 'only these partitions, such as 0 or 0,2')
    .option('--key <text>', 'only events with this key; only its partition is read')
    .option('--mpan <mpan>', 'the same, for topics whose key is an MPAN core')
    .option('--limit <events>', 'stop after so many')
    .option('--follow', 'wait for what comes; this is the default')
    .option('--no-follow', 'stop where the topic ends now')
    .option('--reveal', 'show MPAN cores unmasked')
    .addOption(new Option('--from-beginning', 'an older word for --from beginning').hideHelp())
    .addOption(new Option('--max <events>', 'an older word for --limit').hideHelp())
    .action(tail);
}

async function tail(name: string, options: TailOptions): Promise<void> {
  const settings = settingsOf(options);
  const known = topicOf(settings, name);
  const key = keyOf(known, options);
  const limit = limitOf(options);
  const last = lastOf(options);
  const from = parseFrom(options.fromBeginning === true ? 'beginning' : (options.from ?? 'end'), nowMs());
  const kafka = kafkaOf(settings, 'tail', createLog('tail', 'error'));
  const registry = registryOf(settings);
  const generated = mirrorsOf(settings).some((mirror) => mirror.topic === known.name)
    ? await registeredSchemas(settings, registry)
    : noGenerated;
  const topic = catalogueOf(settings, generated).find((one) => one.name === known.name) ?? known;
  const decoder = decodersOf(settings, registry, generated).event;
  const schema = topic.schema === null ? null : recordSchemaOf(topic.schema);
  const isMpan = topic.key === 'MPAN core';
  const enough = new AbortController();
  const stop = AbortSignal.any([untilInterrupted(), enough.signal]);
  let told = 0;
  const isWanted = (record: FetchedRecord): boolean => key === null || record.key?.toString('utf8') === key;
  const decode = ({ partition, record }: PlacedRecord): Promise<ShownRecord> =>
    decodeRecord(decoder, schema, topic.name, partition, record, options.reveal === true);
  const show = (found: ShownRecord): void => {
    const seen = {
      ...shown(found, options.reveal === true),
      key: shownKey(found.key, isMpan, options.reveal === true),
    };
    print(options.json === true ? JSON.stringify(seen) : describeRecord(seen));
    told += 1;
    if (told >= limit) enough.abort();
  };
  const showBatch = async ({ partition, records }: FetchedBatch): Promise<void> => {
    for (const record of records) {
      if (stop.aborted) return;
      if (isWanted(record)) show(await decode({ partition, record }));
    }
  };
  try {
    const ranges = await rangesFrom(kafka, topic.name, partitionsOf(topic, key, options), from, options.follow);
    if (last > 0 && limit > 0) {
      const each = await lastOfEach(kafka, topic.name, ranges, last, isWanted, stop);
      const decoded = await Promise.all(each.map((records) => Promise.all(records.map(decode))));
      for (const found of newestOf(decoded, positionOf, last)) if (!stop.aborted) show(found);
    }
    if (limit > 0 && !stop.aborted) await readRanges(kafka, ranges, showBatch, stop);
  } finally {
    registry.close();
  }
  process.exitCode = exit.done;
}

/** The topic by its name. */
export function topicOf(settings: Settings, name: string): TopicDefinition {
  const topics = catalogueOf(settings);
  const found = topics.find((topic) => topic.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`There is no topic ${name}. There are:\n  ${topics.map((topic) => topic.name).join('\n  ')}`);
}

function keyOf(topic: TopicDefinition, { key, mpan }: TailOptions): string | null {
  if (mpan === undefined) return key ?? null;
  if (key !== undefined) throw new UsageError('Give either --key or --mpan: of these topics the MPAN core is the key.');
  if (topic.key !== 'MPAN core') {
    throw new UsageError(`The key of ${topic.name} is ${topic.key}, not an MPAN core. Give it with --key.`);
  }
  return mpan;
}

const lastWithoutPlace = 10;

/** With how many older ones it begins: like other tails, one that does not wait shows something. */
function lastOf({ last, from, fromBeginning, follow }: TailOptions): number {
  const isPlaced = from !== undefined || fromBeginning === true;
  if (last === undefined) return isPlaced || follow ? 0 : lastWithoutPlace;
  if (isPlaced) throw new UsageError('Give either -n or --from: both say where to begin.');
  if (!/^\d{1,6}$/.test(last)) throw new UsageError(`-n ${last} is no number of events.`);
  return Number(last);
}

function positionOf({ event }: ShownRecord): Position | null {
  const source = event?.['source'];
  if (source === null || typeof source !== 'object' || !('lsn' in source)) return null;
  const { generation, lsn, ordinal } = source as Position;
  return { generation: Number(generation), lsn: Number(lsn), ordinal: Number(ordinal) };
}

function limitOf({ limit, max }: TailOptions): number {
  const text = limit ?? max;
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--limit ${text} is no number of events.`);
  return Number(text);
}

/** Null for all of them. The partition of a key follows from the key. */
function partitionsOf(topic: TopicDefinition, key: string | null, options: TailOptions): ReadonlySet<number> | null {
  if (options.partition !== undefined) {
    if (!/^\d+(,\d+)*$/.test(options.partition))
      throw new UsageError(`--partition ${options.partition} is no list of partitions, such as 0 or 0,2.`);
    return new Set(options.partition.split(',').map(Number));
  }
  return key === null || topic.role !== 'lane' ? null : new Set([partitionOf(Buffer.from(key), topic.partitions)]);
}
