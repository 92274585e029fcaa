import { z } from 'zod';
import { count, duration, tlsFiles } from '../scalars.ts';

const ssl = z
  .union([z.boolean(), tlsFiles()])
  .default(false)
  .describe('TLS: true (certificates of the system), false, or the files to use.');

const sasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).describe('SASL mechanism.'),
    username: z.string().min(1).describe('User name.'),
    password: z.string().min(1).describe('Password; take it from the environment: "${KAFKA_PASSWORD}".'),
  })
  .exactOptional()
  .describe('Authentication.');

/** `kafka`: how to reach the cluster and how this worker behaves as a group member. */
export const kafkaSection = z
  .strictObject({
    brokers: z
      .union([z.array(z.string().min(1)), z.string().min(1)], { error: 'must be a list of host:port, or one comma separated string' })
      .transform((given) =>
        (typeof given === 'string' ? given.split(',') : given.flatMap((entry) => entry.split(',')))
          .map((b) => b.trim())
          .filter((b) => b !== ''),
      )
      .refine((brokers) => brokers.length > 0, 'must name at least one broker')
      .refine((brokers) => brokers.every((b) => /^.+:\d{1,5}$/.test(b)), 'each broker must be written host:port')
      .describe('Bootstrap brokers as host:port; a list, or one comma separated string.'),
    groupId: z.string().min(1).exactOptional().describe('Consumer group; default: the name of the pipeline.'),
    clientId: z
      .string()
      .min(1)
      .exactOptional()
      .describe('Client id in the logs and quotas of the brokers; default: the name of the pipeline.'),
    ssl,
    sasl,
    sessionTimeoutMs: duration(1_000).prefault(30_000).describe('Without a heartbeat for this long a worker loses its partitions.'),
    rebalanceTimeoutMs: duration(1_000)
      .prefault(60_000)
      .describe('How long a rebalance waits for its members; in-flight batches are settled within it.'),
    heartbeatIntervalMs: duration(100).prefault(3_000).describe('Time between heartbeats; at most a third of sessionTimeoutMs.'),
    maxWaitTimeMs: duration(1)
      .prefault(100)
      .describe('How long a broker may hold a fetch that finds nothing; bounds how soon a paused partition resumes.'),
    fetchPauseMs: duration(0, 1_000)
      .prefault(2)
      .describe(
        'Pause between fetches from a broker while little comes (below 16 KiB): more records a fetch, at 1,000 events/s a third less CPU and shorter tails, for so much latency at most. 0: none.',
      ),
    maxBytesPerPartition: count(1_024)
      .default(1_048_576)
      .describe(
        'Bytes fetched per partition and request; up to four times as many where record batches are large, for what is cut off is fetched again.',
      ),
  })
  .describe('The Kafka cluster and this worker’s membership in its consumer group.');

/** `registry`: the schema registry. */
export const registrySection = z
  .strictObject({
    url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).describe('Base URL; a path in it is kept.'),
    username: z.string().min(1).exactOptional().describe('User for basic authentication.'),
    password: z.string().min(1).exactOptional().describe('Password for basic authentication; take it from the environment.'),
    timeoutMs: duration(1).prefault(5_000).describe('Deadline of one request.'),
  })
  .exactOptional()
  .describe(
    'Schema registry (Confluent API, as Confluent, Apicurio, Redpanda and Karapace speak it). Needed by the wire formats confluent and apicurio.',
  );
