import { WeirError } from '../core/errors.ts';

/** The part of a kafkajs error that says what it is. */
interface KafkajsError extends Error {
  readonly type?: string;
  /** Of Kafka; or of Node, as text. */
  readonly code?: number | string;
  readonly retriable?: boolean;
  readonly cause?: unknown;
  readonly originalError?: unknown;
}

const NOT_AUTHORIZED = /AUTHORIZATION_FAILED|SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE|SECURITY_DISABLED/;
const REBALANCING = /REBALANCE_IN_PROGRESS|ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID|FENCED_INSTANCE_ID/;
/** Another producer with the same transactional id has taken over, or the brokers have aborted a transaction that took too long. */
const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED']);
/** kafkajs 2.2.4 has no names for error codes that came after it. */
const UNNAMED: ReadonlyMap<string, string> = new Map([
  ['Unknown error code 90', 'PRODUCER_FENCED'],
  ['Unknown error code 120', 'TRANSACTION_ABORTABLE'],
]);
/** The transaction is lost; a new producer and the committed positions are all it takes to go on. */
const TRANSACTION_ABORTED = new Set([
  ...FENCED,
  'INVALID_TXN_STATE',
  'INVALID_PRODUCER_ID_MAPPING',
  'UNKNOWN_PRODUCER_ID',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'CONCURRENT_TRANSACTIONS',
  'TRANSACTION_ABORTABLE',
  'TRANSACTION_COORDINATOR_FENCED',
]);
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

/** What OpenSSL and Node say of a certificate that this side does not trust; it does not become right by waiting. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);
const TRUST_IT = 'Set kafka.ssl.caFile to the certificate of the authority that has signed those of the brokers.';
const NAME_IT = 'Name the brokers in kafka.brokers and in advertised.listeners as their certificates do.';

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

function typeOf(error: KafkajsError): string {
  return UNNAMED.get(error.message) ?? error.type ?? '';
}

/** True when the coordinator does not know the member: it has been given up, or the group has moved to another coordinator meanwhile. */
export function isUnknownMemberError(thrown: unknown): boolean {
  return rootCause(thrown).type === 'UNKNOWN_MEMBER_ID';
}

/** True when the brokers refuse a producer because another one has its transactional id, or because its transaction timed out. */
export function isFencedError(thrown: unknown): boolean {
  return FENCED.has(typeOf(rootCause(thrown)));
}

/**
 * Gives an error of kafkajs its place in the error table. What is not known here is fatal: kafkajs itself would retry it
 * for ever.
 * @param doing what was being done, for the message: "writing predictions"
 */
export function weirErrorFromKafka(thrown: unknown, doing: string): WeirError {
  if (thrown instanceof WeirError) return thrown;
  const error = rootCause(thrown);
  const type = typeOf(error);
  const message = `Kafka, ${doing}: ${type ? `${type}: ` : ''}${error.message}`;
  const options = { cause: thrown };
  if (NOT_AUTHORIZED.test(type) || error.name === 'KafkaJSSASLAuthenticationError')
    return new WeirError('not_authorized', message, options);
  if (UNTRUSTED.has(String(error.code))) return new WeirError('config_invalid', `${message}. ${TRUST_IT}`, options);
  if (error.code === 'ERR_TLS_CERT_ALTNAME_INVALID') return new WeirError('config_invalid', `${message} ${NAME_IT}`, options);
  if (error.name === 'KafkaJSNotImplemented') return new WeirError('compression_unsupported', message, options);
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'INVALID_TOPIC_EXCEPTION') return new WeirError('topic_missing', message, options);
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') return new WeirError('output_refused', message, options);
  // A commit refused for its generation is the same to a transaction: the group has moved on.
  if (TRANSACTION_ABORTED.has(type) || REBALANCING.test(type)) return new WeirError('transaction_aborted', message, options);
  // A bare Error of kafkajs, from a broker object whose connection is gone.
  const isDisconnected = error.message === 'Broker not connected';
  if (isDisconnected || RETRIABLE_NAMES.has(error.name) || RETRIABLE_TYPES.has(type))
    return new WeirError('kafka_unavailable', message, options);
  return new WeirError('unknown', message, options);
}
