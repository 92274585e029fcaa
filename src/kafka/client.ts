import { Kafka, type KafkaConfig, type LogEntry, logLevel } from 'kafkajs';
import type { Logger } from '../core/ports.ts';
import { readTlsFiles, type TlsFiles } from '../core/tls-files.ts';
import { installCodecs } from './compression.ts';
import { createFramedSockets } from './protocol/framed-socket.ts';
import { installIdleTimerFix } from './protocol/idle-timer.ts';
import { isStock } from './protocol/switches.ts';

/** How to reach a Kafka cluster: the part of the pipeline file's `kafka` section that every client of it needs. */
export interface KafkaConnection {
  /** `host:port` of each bootstrap broker. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** True: TLS with the certificates of the system. Files are PEM. */
  readonly ssl: boolean | TlsFiles;
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
}

/** How patient a client is. */
export interface KafkaOptions {
  /** Attempts after the first of a request or a connection; kafkajs' default is 5, about 9 s. */
  readonly retries?: number;
}

/**
 * A kafkajs client that logs through our logger.
 * @throws WeirError `config_invalid` when a certificate file cannot be read or WEIR_KAFKAJS_STOCK names what is not there
 */
export function createKafka(connection: KafkaConnection, logger: Logger, { retries }: KafkaOptions = {}): Kafka {
  if (!isStock('idle-timer')) installIdleTimerFix();
  installCodecs();
  const { sasl } = connection;
  // Else kafkajs warns once a process that its default partitioner changed in 2.0; we always choose partitions ourselves.
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] ??= '1';
  const config: KafkaConfig = {
    brokers: [...connection.brokers],
    clientId: connection.clientId,
    connectionTimeout: 5_000,
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => bridge(entry, logger),
    ssl: typeof connection.ssl === 'boolean' ? connection.ssl : { ...readTlsFiles(connection.ssl, 'kafka.ssl') },
    ...(isStock('framed-sockets') ? {} : { socketFactory: createFramedSockets() }),
    ...(retries === undefined ? {} : { retry: { retries } }),
  };
  // The union of kafkajs wants each mechanism spelt out; all of ours have the same shape.
  if (sasl)
    config.sasl = { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password } as NonNullable<KafkaConfig['sasl']>;
  return new Kafka(config);
}

/**
 * kafkajs logs retriable connection trouble as ERROR. Whether somebody must act is ours to decide (an error that lasts
 * comes out of the source or the sink), so its errors are warnings here.
 */
function bridge(entry: LogEntry, logger: Logger): void {
  const { message, logger: _name, timestamp: _time, stack, ...rest } = entry.log;
  const fields = { module: entry.namespace === '' ? 'kafkajs' : `kafkajs/${entry.namespace}`, ...rest };
  // The broker pool repeats what the connection has said already; a rebalance is no trouble, and the source reports it
  // once; few retries in an idempotent producer are meant: OutputProducer replaces it after any error.
  const isNews =
    entry.namespace !== 'BrokerPool' &&
    !/rebalanc/.test(`${message} ${String(rest['error'] ?? '')}`) &&
    !message.startsWith('Limiting retries');
  if (isNews && (entry.level === logLevel.ERROR || entry.level === logLevel.WARN)) {
    logger.warn(fields, message);
    if (stack !== undefined) logger.debug({ ...fields, stack }, message);
  } else {
    // "Starting", "[ConsumerGroup] has joined": of use to nobody but who looks into the client.
    logger.debug(fields, message);
  }
}
