import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Kafka, type KafkaConfig, type RetryOptions } from 'kafkajs';
import type { Logger } from 'pino';
import { kafkaLogLevel, logTo } from './kafka-log.ts';

export interface KafkaSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** PEM texts, not file names. */
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
    readonly verify?: boolean;
  };
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
  /** Where an advertised address is really reached (a tunnel, a proxy). */
  readonly redirect?: (host: string, port: number) => { readonly host: string; readonly port: number };
}

/** How to reach Kafka. Nothing is connected yet: publisher, subscriber and readers each open connections of their own. */
export interface KafkaConnection {
  readonly settings: KafkaSettings;
  readonly log: Logger;
  /** `clientId`: other than the one of the settings. */
  client(clientId?: string): KafkaClient;
}

/** One kafkajs client with sockets of its own. */
export interface KafkaClient {
  readonly kafka: Kafka;
  /** Cuts every connection at once, and for good. kafkajs' own way out waits for answers that a hanging broker never sends. */
  destroy(): void;
}

/** A request without an answer for so long has failed. */
export const requestTimeoutMs = 10_000;

/**
 * Begins at 3 ms because the most frequent retry waits for the markers of the transaction before, which takes about
 * that long; kafkajs' 300 ms would cost a lone change a third of a second. Ends after 3 to 4 seconds, so that a broker
 * which is gone becomes a fault and the loop outside, which is visible, does the waiting.
 */
export const retry: RetryOptions = { initialRetryTime: 3, multiplier: 2, factor: 0.1, maxRetryTime: 500, retries: 14 };

export function prepareKafka(settings: KafkaSettings, log: Logger): KafkaConnection {
  return { settings, log, client: (clientId = settings.clientId) => openClient({ ...settings, clientId }, log) };
}

function openClient(settings: KafkaSettings, log: Logger): KafkaClient {
  const sockets = new Set<Socket>();
  let isDestroyed = false;
  const configuration: KafkaConfig = {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    connectionTimeout: 3_000,
    authenticationTimeout: 5_000,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    retry,
    logLevel: kafkaLogLevel(log),
    logCreator: logTo(log),
    socketFactory: ({ host, port, ssl, onConnect }) => {
      const to = settings.redirect?.(host, port) ?? { host, port };
      const socket =
        ssl === undefined || ssl === null
          ? connectTcp(to, onConnect)
          : connectTls({ ...to, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect);
      socket.setKeepAlive(true, 60_000);
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      // What kafkajs still tries in the background opens connections again, which nobody would close: the process could not end.
      if (isDestroyed) socket.destroy(closedByUs());
      return socket;
    },
  };
  if (settings.tls !== undefined) {
    const { verify = true, ...tls } = settings.tls;
    configuration.ssl = { ...tls, rejectUnauthorized: verify };
  }
  if (settings.sasl !== undefined) configuration.sasl = saslOf(settings.sasl);
  return {
    kafka: new Kafka(configuration),
    destroy: () => {
      isDestroyed = true;
      for (const socket of sockets) socket.destroy(closedByUs());
    },
  };
}

/** The error makes kafkajs reject what it still waits for; a plain close it would not notice for 10 seconds. */
function closedByUs(): Error {
  return new Error('closed by us');
}

function saslOf(sasl: NonNullable<KafkaSettings['sasl']>): NonNullable<KafkaConfig['sasl']> {
  const { username, password } = sasl;
  switch (sasl.mechanism) {
    case 'plain':
      return { mechanism: 'plain', username, password };
    case 'scram-sha-256':
      return { mechanism: 'scram-sha-256', username, password };
    case 'scram-sha-512':
      return { mechanism: 'scram-sha-512', username, password };
  }
}
