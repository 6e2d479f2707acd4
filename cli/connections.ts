import type { Logger } from 'pino';
import { readTls } from '../runtime/postgres.ts';
import { prepareKafka, type KafkaConnection, type KafkaSettings } from '../topics/connection.ts';
import type { Settings } from './settings.ts';

/** Settings as the connectors' own parts want them. Certificates are read here. */
export function kafkaOf(settings: Settings, role: string, log: Logger): KafkaConnection {
  const { brokers, clientId, tls, sasl } = settings.kafka;
  const kafka: KafkaSettings = {
    brokers,
    clientId: `${clientId}-${role}`,
    ...(tls === undefined ? {} : { tls: textTls(tls) }),
    ...(sasl === undefined ? {} : { sasl }),
  };
  return prepareKafka(kafka, log);
}

function textTls(files: NonNullable<Settings['kafka']['tls']>): NonNullable<KafkaSettings['tls']> {
  const { ca, cert, key, servername } = readTls(files);
  return {
    verify: files.verify,
    ...(ca === undefined ? {} : { ca: ca.toString('utf8') }),
    ...(cert === undefined ? {} : { cert: cert.toString('utf8') }),
    ...(key === undefined ? {} : { key: key.toString('utf8') }),
    ...(servername === undefined ? {} : { servername }),
  };
}
