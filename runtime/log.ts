import pino from 'pino';
import type { Logger } from 'pino';
import { maskDigits } from './mask.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/**
 * JSON lines on standard error, so that standard output stays for results.
 * Every message and every error text passes the mask: an MPAN core never gets into a log, wherever the text came from.
 */
export function createLog(name: string, level: LogLevel = 'info'): Logger {
  return pino(
    {
      name,
      level,
      base: { name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        logMethod(args, method) {
          const masked = args.map((arg) => (typeof arg === 'string' ? maskDigits(arg) : arg)) as Parameters<
            typeof method
          >;
          method.apply(this, masked);
        },
      },
      serializers: { err: describeError },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: maskDigits(String(error)) };
  const described: Record<string, unknown> = { type: error.name, message: maskDigits(error.message) };
  if ('code' in error) described['code'] = error.code;
  if ('kind' in error) described['kind'] = error.kind;
  if ('context' in error) described['context'] = error.context;
  if (error.cause !== undefined) described['cause'] = describeError(error.cause);
  else if (error.stack !== undefined) described['stack'] = maskDigits(error.stack);
  return described;
}
