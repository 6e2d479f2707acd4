import { type logCreator, logLevel } from 'kafkajs';
import type { Logger } from 'pino';

/**
 * What kafkajs logs as an error although it is the ordinary course of things: after each commit the next transaction
 * meets CONCURRENT_TRANSACTIONS until the markers are written, and is tried again a few milliseconds later.
 */
const ordinary = ['concurrent transaction', 'The group is rebalancing', 'rebalance', 'Response JoinGroup'];

/** Sends kafkajs' log to pino. Everything that it retries by itself is `debug`: a failure that lasts becomes a fault. */
export function logTo(log: Logger): logCreator {
  return () =>
    ({ level, namespace, log: entry }) => {
      const { message, timestamp: _timestamp, logger: _logger, ...details } = entry;
      const context = { kafkajs: namespace, ...details };
      if (level === logLevel.DEBUG || level === logLevel.INFO) log.trace(context, message);
      else if (isOrdinary(message, details)) log.trace(context, message);
      else log.debug(context, message);
    };
}

/** kafkajs builds its entries before it asks for the level: below `trace` it need not build them. */
export function kafkaLogLevel(log: Logger): logLevel {
  if (log.isLevelEnabled('trace')) return logLevel.DEBUG;
  return log.isLevelEnabled('debug') ? logLevel.WARN : logLevel.NOTHING;
}

function isOrdinary(message: string, details: Readonly<Record<string, unknown>>): boolean {
  const text = `${message} ${typeof details['error'] === 'string' ? details['error'] : ''}`;
  return ordinary.some((part) => text.includes(part));
}
