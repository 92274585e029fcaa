import { WeirError } from '../core/errors.ts';

/** The part of a kafkajs error that says what it is. */
interface KafkajsError extends Error {
  readonly type?: string;
  readonly code?: number;
  readonly retriable?: boolean;
  readonly cause?: unknown;
  readonly originalError?: unknown;
}

const NOT_AUTHORIZED = /AUTHORIZATION_FAILED|SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE|SECURITY_DISABLED/;
const REBALANCING = /REBALANCE_IN_PROGRESS|ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID|FENCED_INSTANCE_ID/;
const RETRIABLE_NAMES = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSLockTimeout',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSGroupCoordinatorNotFound',
]);
const RETRIABLE_TYPES = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'REPLICA_NOT_AVAILABLE',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'NOT_CONTROLLER',
  // The group has not moved on, only its coordinator: positions are still ours.
  'NOT_COORDINATOR_FOR_GROUP',
  'KAFKA_STORAGE_ERROR',
  'THROTTLING_QUOTA_EXCEEDED',
]);

/** The innermost error: kafkajs wraps what happened in errors about how often it tried. */
export function rootCause(thrown: unknown): KafkajsError {
  let error = thrown as KafkajsError;
  for (let depth = 0; depth < 10; depth++) {
    const inner = (error.cause ?? error.originalError) as KafkajsError | undefined;
    if (!(inner instanceof Error)) break;
    error = inner;
  }
  return error instanceof Error ? error : new Error(String(thrown));
}

/** True when an error only means that the group has moved on: the positions belong to somebody else now. */
export function isRebalanceError(thrown: unknown): boolean {
  return REBALANCING.test(rootCause(thrown).type ?? '');
}

/**
 * Gives an error of kafkajs its place in the error table. What is not known here is fatal: kafkajs itself would retry it
 * for ever.
 * @param doing what was being done, for the message: "writing predictions"
 */
export function weirErrorFromKafka(thrown: unknown, doing: string): WeirError {
  if (thrown instanceof WeirError) return thrown;
  const error = rootCause(thrown);
  const type = error.type ?? '';
  const message = `Kafka, ${doing}: ${type ? `${type}: ` : ''}${error.message}`;
  const options = { cause: thrown };
  if (NOT_AUTHORIZED.test(type) || error.name === 'KafkaJSSASLAuthenticationError')
    return new WeirError('not_authorized', message, options);
  if (error.name === 'KafkaJSNotImplemented') return new WeirError('compression_unsupported', message, options);
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'INVALID_TOPIC_EXCEPTION') return new WeirError('topic_missing', message, options);
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') return new WeirError('output_refused', message, options);
  if (RETRIABLE_NAMES.has(error.name) || RETRIABLE_TYPES.has(type)) return new WeirError('kafka_unavailable', message, options);
  return new WeirError('unknown', message, options);
}
