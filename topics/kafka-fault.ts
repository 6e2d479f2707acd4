import { Fault, type FaultContext } from '../runtime/fault.ts';

const fencedTypes = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING']);

const refusedTypes = new Set([
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  // The listener takes no SASL at all.
  'ILLEGAL_SASL_STATE',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
]);

/** Codes of Node's TLS for a certificate that one side does not accept. */
const certificateCodes = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
  'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
  'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
]);

/**
 * What a failure of kafkajs means for us: a Fault. `action` says what was being done ("sending to topics") and stands
 * in the message. A Fault passes through as it is; so does an error that comes neither from kafkajs nor from the
 * system, because that is a bug, of this side or of a callback, and must not be waited out as an outage.
 */
export function kafkaFault(cause: unknown, action: string, context: FaultContext = {}): Error {
  let ofKafka = false;
  for (const link of chain(cause)) {
    if (link instanceof Fault) return link;
    const { type, code, name } = marks(link);
    ofKafka ||= code !== undefined || (name?.startsWith('KafkaJS') ?? false);
    if (type !== undefined && fencedTypes.has(type)) {
      return new Fault(
        'fenced',
        'PUBLISHER_FENCED',
        `Kafka no longer accepts this publisher (${action}): another instance with the same transactional id took over, ` +
          'or its transaction timed out. It starts over from the checkpoint.',
        { ...context, type },
        cause,
      );
    }
    if ((type !== undefined && refusedTypes.has(type)) || name === 'KafkaJSSASLAuthenticationError') {
      return new Fault(
        'refused',
        'KAFKA_REFUSED',
        `Kafka refuses us (${action}): user, password, mechanism or an ACL is wrong. Run \`concord check\`.`,
        { ...context, type },
        cause,
      );
    }
    if (code !== undefined && certificateCodes.has(code)) {
      return new Fault(
        'refused',
        'KAFKA_REFUSED',
        `The TLS certificates of Kafka and of this side do not fit (${action}): ${code}. Check \`kafka.tls\`.`,
        { ...context, type: code },
        cause,
      );
    }
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'INVALID_TOPIC_EXCEPTION') {
      return new Fault(
        'misconfigured',
        'TOPIC_MISSING',
        `A topic or partition that is needed does not exist (${action}). Run \`concord topics apply\`.`,
        { ...context, type },
        cause,
      );
    }
    if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') {
      return new Fault(
        'misconfigured',
        'RECORD_TOO_LARGE',
        `A record is larger than its topic takes (${action}). Raise \`max.message.bytes\` of the topic.`,
        { ...context, type },
        cause,
      );
    }
  }
  if (!ofKafka && cause instanceof Error) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  // A listener that expects TLS or SASL says nothing but goodbye to one who does not, and the other way round.
  const hint = /closed connection|before secure TLS/i.test(reason)
    ? ' If it stays so, compare `kafka.tls` and `kafka.sasl` with what the listener expects.'
    : '';
  return new Fault(
    'unavailable',
    'KAFKA_UNAVAILABLE',
    `Kafka does not answer as it should (${action}): ${reason}.${hint}`,
    context,
    cause,
  );
}

/** For `withDeadline`. */
export function tooLate(action: string, limitMs: number): () => Fault {
  return () =>
    new Fault('unavailable', 'KAFKA_UNAVAILABLE', `Kafka did not answer within ${limitMs} ms (${action}).`, {
      limitMs,
    });
}

/** Whether a failure of kafkajs may be over by itself in a moment: a broken connection, a leader that moves. */
export function isPassing(cause: unknown): boolean {
  if (!(cause instanceof Error) || cause instanceof Fault) return false;
  if (cause.name.startsWith('KafkaJSConnection') || cause.name === 'KafkaJSRequestTimeoutError') return true;
  if (cause.name === 'KafkaJSBrokerNotFound' || cause.name === 'KafkaJSTopicMetadataNotLoaded') return true;
  return 'retriable' in cause && cause.retriable === true;
}

/** Whether the broker did answer, and says that what it was asked did not happen but may be asked again. */
export function isAnswer(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'KafkaJSProtocolError' && isPassing(cause);
}

/** Whether a failure names the broker that it is about. */
export function isAddressed(cause: unknown): cause is { host: string; port: number } {
  return cause instanceof Error && 'host' in cause && 'port' in cause;
}

function* chain(cause: unknown): Generator<unknown> {
  let link = cause;
  for (let depth = 0; depth < 10 && link !== undefined && link !== null; depth++) {
    yield link;
    link = link instanceof Error ? link.cause : undefined;
  }
}

function marks(link: unknown): { type?: string; code?: string; name?: string } {
  if (typeof link !== 'object' || link === null) return {};
  const found: { type?: string; code?: string; name?: string } = {};
  if ('type' in link && typeof link.type === 'string') found.type = link.type;
  if ('code' in link && typeof link.code === 'string') found.code = link.code;
  if ('name' in link && typeof link.name === 'string') found.name = link.name;
  return found;
}
