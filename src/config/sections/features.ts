import { z } from 'zod';
import { parseHostPort } from '../../core/host-port.ts';
import { count, duration, eventField, path, tlsFiles } from '../scalars.ts';

const nodes = () =>
  z
    .array(z.string().refine((text) => parseHostPort(text) !== undefined, 'must be written host:port, without redis:// and credentials'))
    .min(1);

const redisStore = z
  .strictObject({
    kind: z
      .literal('redis')
      .describe('Redis: one server (url), a master that Redis Sentinel names (sentinel), or a Redis Cluster (cluster).'),
    url: z
      .url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' })
      .exactOptional()
      .describe('One server: redis://[user:password@]host:port[/database], or rediss:// for TLS.'),
    sentinel: z
      .strictObject({
        master: z.string().min(1).describe('The name under which the sentinels know the master.'),
        nodes: nodes().describe('Sentinels as host:port; one that answers is enough.'),
        username: z.string().min(1).exactOptional().describe('User of the sentinels, if they want one.'),
        password: z.string().min(1).exactOptional().describe('Password of the sentinels, if they want one of their own.'),
      })
      .exactOptional()
      .describe('Redis Sentinel: the master is looked up, and looked up again after a failover.'),
    cluster: z
      .strictObject({ nodes: nodes().describe('Some nodes as host:port; the others are learned from them.') })
      .exactOptional()
      .describe('Redis Cluster: each key is read from the master that has its slot.'),
    username: z.string().min(1).exactOptional().describe('User, with sentinel or cluster; with url it stands in that.'),
    password: z.string().min(1).exactOptional().describe('Password, if not in the URL; take it from the environment.'),
    database: count(0).exactOptional().describe('Number of the database, with sentinel; with url it stands in that.'),
    tls: z
      .union([z.boolean(), tlsFiles()])
      .exactOptional()
      .describe('TLS, of sentinels too: true (certificates of the system) or the files to use. With url, rediss:// turns it on.'),
    deadlineMs: duration(1).prefault(250).describe('Deadline of one batch fetch; after it the store counts as unavailable.'),
    breaker: z
      .strictObject({
        failures: count().default(5).describe('Failures in a row that open the breaker.'),
        resetMs: duration(1).prefault(1_000).describe('How long an open breaker waits before it tries once more.'),
      })
      .prefault({})
      .describe('Circuit breaker: a store that keeps failing is left alone for a while.'),
  })
  .describe('An online store in Redis.');

const memoryStore = z
  .strictObject({
    kind: z.literal('memory').describe('Values in the memory of the worker.'),
    file: path().exactOptional().describe('JSON file {group: {entity: {feature: value}}}.'),
  })
  .describe('An online store in memory, for tests and embedding.');

/** `stores`: online stores by name. */
export const storesSection = z
  .record(z.string(), z.discriminatedUnion('kind', [redisStore, memoryStore], { error: 'must be redis or memory' }))
  .default({})
  .describe('Online stores by name.');

const featureGroup = z
  .strictObject({
    store: z.string().min(1).describe('Name of a store under stores.'),
    entity: eventField().describe('Field of the event whose value is the entity, such as event.tailnum.'),
    layout: z
      .enum(['json', 'hash', 'packed', 'float32'])
      .default('json')
      .describe(
        'How a row is stored: json (a string holding an object), hash (a Redis hash), packed (numbers and texts with their schema, as weir features load writes them) or float32 (numbers alone, as others write them).',
      ),
    fields: z
      .array(z.string().min(1))
      .min(1)
      .exactOptional()
      .describe('For layout float32, which needs it: names of the values of a row, in their order.'),
    keyPrefix: z.string().exactOptional().describe('Key of a row without its entity; default: features:<group>:.'),
    ttlSeconds: count().default(86_400).describe('Life of a row written by weir features load.'),
    maxAgeMs: duration(1).exactOptional().describe('Rows written longer ago than this are stale and count as missing; default: no limit.'),
    onMissing: z
      .enum(['default', 'nan', 'dead-letter'])
      .default('default')
      .describe(
        'When the store has no fresh row: use the column defaults, leave the columns without value, or make the record a dead letter.',
      ),
    onUnavailable: z
      .enum(['pause', 'default', 'dead-letter'])
      .default('pause')
      .describe(
        'When the store does not answer: wait for it, use the column defaults (predictions are DEGRADED), or make the records dead letters.',
      ),
  })
  .describe('A feature group.');

/** `features`: feature groups by name. */
export const featuresSection = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, 'is not a group name'), featureGroup)
  .default({})
  .describe('Feature groups by name; columns bind to them as <group>.<feature>.');
