import { KafkaJSNumberOfRetriesExceeded } from 'kafkajs';
import { expect, test } from 'vitest';
import { Fault } from '../runtime/fault.ts';
import { isPassing, kafkaFault } from './kafka-fault.ts';
import { errorOfCode } from './kafkajs-internals.ts';

const fenced = ['fenced', 'PUBLISHER_FENCED'];
const refused = ['refused', 'KAFKA_REFUSED'];
const missing = ['misconfigured', 'TOPIC_MISSING'];
const tooLarge = ['misconfigured', 'RECORD_TOO_LARGE'];
const unavailable = ['unavailable', 'KAFKA_UNAVAILABLE'];

test.each([
  [47, fenced], // INVALID_PRODUCER_EPOCH
  [49, fenced], // INVALID_PRODUCER_ID_MAPPING
  [29, refused], // TOPIC_AUTHORIZATION_FAILED
  [34, refused], // ILLEGAL_SASL_STATE
  [58, refused], // SASL_AUTHENTICATION_FAILED
  [3, missing], // UNKNOWN_TOPIC_OR_PARTITION
  [10, tooLarge], // MESSAGE_TOO_LARGE
  [51, unavailable], // CONCURRENT_TRANSACTIONS
  [7, unavailable], // REQUEST_TIMED_OUT
])('error code %i of Kafka is %j', (code, [kind, name]) => {
  expect(kafkaFault(errorOfCode(code), 'testing')).toMatchObject({ kind, code: name });
});

test('what an error was caused by decides, however often kafkajs has wrapped it', () => {
  const wrapped = new Error('gave up', { cause: new Error('again', { cause: errorOfCode(47) }) });
  expect(kafkaFault(wrapped, 'testing')).toMatchObject({ code: 'PUBLISHER_FENCED' });
});

test('a certificate that is not accepted is a refusal, not an outage', () => {
  const cause = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  expect(kafkaFault(cause, 'testing')).toMatchObject({ kind: 'refused', code: 'KAFKA_REFUSED' });
});

test('an error that has nothing to do with Kafka stays a bug', () => {
  const bug = new TypeError('a callback of ours');
  expect(kafkaFault(bug, 'testing')).toBe(bug);
});

test('a fault stays what it is', () => {
  const fault = new Fault('gap', 'TOPIC_DATA_EXPIRED', 'x');
  expect(kafkaFault(fault, 'testing')).toBe(fault);
});

test('only what may be over in a moment is tried again', () => {
  expect(isPassing(errorOfCode(6))).toBe(true); // NOT_LEADER_FOR_PARTITION
  expect(isPassing(errorOfCode(29))).toBe(false);
  expect(isPassing(new Fault('unavailable', 'X', 'x'))).toBe(false);
  const exceeded = new KafkaJSNumberOfRetriesExceeded(new Error('x'), { retryCount: 1, retryTime: 1 });
  expect(isPassing(exceeded)).toBe(false);
});
