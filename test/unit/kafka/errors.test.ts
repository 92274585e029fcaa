import kafkajs from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { WeirError } from '../../../src/core/errors.ts';
import { isRebalanceError, weirErrorFromKafka } from '../../../src/kafka/errors.ts';

const protocol = (type: string) => Object.assign(new kafkajs.KafkaJSProtocolError(new Error(`it is ${type}`)), { type });
const exceeded = (cause: Error) =>
  Object.assign(new kafkajs.KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 5, retryTime: 100 }), { cause });

describe('weirErrorFromKafka', () => {
  it.each([
    ['NOT_LEADER_FOR_PARTITION', 'kafka_unavailable'],
    ['NOT_ENOUGH_REPLICAS', 'kafka_unavailable'],
    ['TOPIC_AUTHORIZATION_FAILED', 'not_authorized'],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'topic_missing'],
    ['MESSAGE_TOO_LARGE', 'output_refused'],
    ['NOT_COORDINATOR_FOR_GROUP', 'kafka_unavailable'],
    ['INVALID_PRODUCER_EPOCH', 'transaction_aborted'],
    ['ILLEGAL_GENERATION', 'transaction_aborted'],
    ['UNKNOWN_SERVER_ERROR', 'unknown'],
  ])('%s is %s, also inside the retry wrapper', (type, code) => {
    expect(weirErrorFromKafka(protocol(type), 'writing').code).toBe(code);
    expect(weirErrorFromKafka(exceeded(protocol(type)), 'writing')).toMatchObject({
      code,
      message: `Kafka, writing: ${type}: it is ${type}`,
    });
  });

  it('knows connection trouble by name', () => {
    const error = new kafkajs.KafkaJSConnectionError('refused', { broker: 'b:1' });
    expect(weirErrorFromKafka(exceeded(error), 'x').kind).toBe('retriable');
  });

  it.each([
    ['SELF_SIGNED_CERT_IN_CHAIN', /Set kafka\.ssl\.caFile/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /Set kafka\.ssl\.caFile/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /Name the brokers/],
  ])('does not wait for a certificate to become right that is not trusted, and says what to do (%s)', (code, action) => {
    const error = new kafkajs.KafkaJSConnectionError('Connection error: certificate', { broker: 'b:1', code });
    expect(weirErrorFromKafka(exceeded(error), 'x')).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(action) });
  });

  it('names a codec that kafkajs cannot read', () => {
    const error = new kafkajs.KafkaJSNonRetriableError('LZ4 compression not implemented');
    expect(weirErrorFromKafka(Object.assign(error, { name: 'KafkaJSNotImplemented' }), 'reading')).toMatchObject({
      code: 'compression_unsupported',
      kind: 'fatal',
      message: 'Kafka, reading: LZ4 compression not implemented',
    });
  });

  it('does not retry what it does not know', () => {
    expect(weirErrorFromKafka(new TypeError('bug'), 'x')).toMatchObject({ code: 'unknown', kind: 'fatal' });
    const ours = new WeirError('topic_missing', 'mine');
    expect(weirErrorFromKafka(ours, 'x')).toBe(ours);
  });

  it('tells errors of a group that moved on', () => {
    expect(isRebalanceError(protocol('ILLEGAL_GENERATION'))).toBe(true);
    expect(isRebalanceError(exceeded(protocol('REBALANCE_IN_PROGRESS')))).toBe(true);
    expect(isRebalanceError(protocol('NOT_LEADER_FOR_PARTITION'))).toBe(false);
    expect(isRebalanceError('text')).toBe(false);
  });
});
