import pino from 'pino';
import type { Logger } from 'pino';
import { maskDigits } from './mask.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/**
 * JSON lines on standard error, so that standard output stays for results.
 *
 * Every text of a line passes the mask when the line is complete: an MPAN core never gets into a log, whether it came in
 * the message, in a field, or in the cause of a cause. Numbers stay as they are, because LSNs are as long as MPAN cores.
 */
export function createLog(
  name: string,
  level: LogLevel = 'info',
  destination: pino.DestinationStream = pino.destination({ dest: 2, sync: true }),
): Logger {
  return pino(
    {
      name,
      level,
      base: { name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: maskLine },
      serializers: { err: describeError },
    },
    destination,
  );
}

function maskLine(line: string): string {
  return `${JSON.stringify(maskTexts(JSON.parse(line)))}\n`;
}

function maskTexts(value: unknown): unknown {
  if (typeof value === 'string') return maskDigits(value);
  if (Array.isArray(value)) return value.map(maskTexts);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [maskDigits(key), maskTexts(inside)]));
}

function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const described: Record<string, unknown> = { type: error.name, message: error.message };
  if ('code' in error) described['code'] = error.code;
  if ('kind' in error) described['kind'] = error.kind;
  if ('context' in error) described['context'] = error.context;
  if (error instanceof AggregateError) described['errors'] = error.errors.map(describeError);
  if (error.cause !== undefined) described['cause'] = describeError(error.cause);
  else if (error.stack !== undefined) described['stack'] = error.stack;
  return described;
}
