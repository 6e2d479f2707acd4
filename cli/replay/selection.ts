import { type Position, parseLsn } from '../../avro/position.ts';
import { nearestOf } from '../../connectors/metering/rules/suggestion.ts';
import { UsageError } from '../output.ts';
import { parseTime } from '../tail-range.ts';

/** Which records of the topics are meant. What is null selects everything. */
export interface Selection {
  readonly topics: readonly string[] | null;
  readonly partition: number | null;
  readonly offsets: Span | null;
  /** When they were published, epoch milliseconds. */
  readonly times: Span | null;
  readonly lsns: Span | null;
  readonly mpan: string | null;
}

/** Both ends belong to it; null is open. */
export interface Span {
  readonly from: number | null;
  readonly to: number | null;
}

export interface SelectionOptions {
  readonly topic?: readonly string[];
  readonly partition?: string;
  readonly offsets?: string;
  readonly from?: string;
  readonly to?: string;
  readonly lsn?: string;
  readonly mpan?: string;
}

export function selectionOf(options: SelectionOptions, topics: readonly string[], nowMs: number): Selection {
  for (const topic of options.topic ?? []) {
    if (!topics.includes(topic)) {
      const near = nearestOf(
        topic.replaceAll('.', '_'),
        topics.map((one) => one.toUpperCase().replace(/[.-]/g, '_')),
      );
      const meant = topics.find((one) => one.toUpperCase().replace(/[.-]/g, '_') === near);
      const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
      throw new UsageError(`${topic} is no topic that is judged.${hint} There are:\n  ${topics.join('\n  ')}`);
    }
  }
  if (options.partition !== undefined && !/^\d{1,6}$/.test(options.partition)) {
    throw new UsageError(`--partition ${options.partition} is no number of a partition.`);
  }
  const time = (text: string | undefined): number | null => (text === undefined ? null : parseTime(text, nowMs));
  const times = { from: time(options.from), to: time(options.to) };
  if (times.from !== null && times.to !== null && times.from > times.to) {
    throw new UsageError(`--to ${options.to} is before --from ${options.from}: nothing lies between them.`);
  }
  return {
    topics: options.topic ?? null,
    partition: options.partition === undefined ? null : Number(options.partition),
    offsets: spanOf('--offsets', options.offsets, /^\d+$/, Number),
    times: times.from === null && times.to === null ? null : times,
    lsns: spanOf('--lsn', options.lsn, /^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/, parseLsn),
    mpan: options.mpan ?? null,
  };
}

/** `A..B`, `A..` or `..B`; one value alone is itself. */
function spanOf(option: string, text: string | undefined, one: RegExp, valueOf: (text: string) => number): Span | null {
  if (text === undefined) return null;
  const parts = text.split('..');
  const [from = '', to = from] = parts;
  if (parts.length > 2 || [from, to].some((part) => part !== '' && !one.test(part)) || (from === '' && to === '')) {
    throw new UsageError(`${option} ${text} is no range: write A..B, A.. or ..B.`);
  }
  const span = { from: from === '' ? null : valueOf(from), to: to === '' ? null : valueOf(to) };
  if (span.from !== null && span.to !== null && span.from > span.to) {
    throw new UsageError(`${option} ${text} ends before it begins: write the smaller one first.`);
  }
  return span;
}

export function isWithin(span: Span | null, value: number): boolean {
  return span === null || ((span.from === null || value >= span.from) && (span.to === null || value <= span.to));
}

/** Does an event of that key belong to the selection? */
export function isSelected(
  { lsns, mpan }: Selection,
  key: string,
  event: { readonly source: Position; readonly [item: string]: unknown },
): boolean {
  return isWithin(lsns, event.source.lsn) && (mpan === null || key === mpan || event['mpan_core'] === mpan);
}
