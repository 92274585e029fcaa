import { WeirError } from '../core/errors.ts';
import { sampleKeys } from './key-sample.ts';
import type { Layout } from './layouts/layout.ts';
import type { RedisConnection } from './redis-connection.ts';

/** Steps of one SCAN: a store of millions of other keys is not searched through. */
const SCAN_STEPS = 200;
/** Keys of the group that are looked into. */
const SAMPLE = 5;

/**
 * Looks at a few keys of a group, if there are any, and holds them against its layout. Needed because MGET calls a key of
 * another type a miss: without it a group with the wrong layout would run for ever on defaults. One key among them that
 * is right is enough, since a single bad row is only a miss; so is a look that ended before it had seen enough keys.
 * @throws WeirError `store_misconfigured`
 */
export async function checkLayout(
  { redis, servers }: Pick<RedisConnection, 'redis' | 'servers'>,
  group: string,
  layout: Layout,
  keyPrefix: string,
): Promise<void> {
  let found: string | undefined;
  const { keys, isConclusive } = await sampleKeys(servers, keyPrefix, { keys: SAMPLE, steps: SCAN_STEPS });
  for (const key of keys) {
    const type = await redis.type(key);
    if (type === 'none') continue; // Expired just now.
    const fault = type === layout.redisType ? await findFault(redis, layout, key) : `keys of type ${type}, not ${layout.redisType}`;
    if (fault === undefined) return;
    found ??= fault;
  }
  if (found === undefined || !isConclusive) return;
  throw new WeirError(
    'store_misconfigured',
    `Feature group ${group} is configured with layout ${layout.name}, but under ${keyPrefix} the store holds ${found}.`,
  );
}

async function findFault(redis: RedisConnection['redis'], layout: Layout, key: Buffer): Promise<string | undefined> {
  if (layout.redisType !== 'string') return undefined;
  const value = await redis.getBuffer(key);
  return value === null ? undefined : layout.findFault(value);
}
