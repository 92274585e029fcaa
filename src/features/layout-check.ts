import type { Redis } from 'ioredis';
import { WeirError } from '../core/errors.ts';
import type { Layout } from './layouts/layout.ts';

/** Steps of one SCAN and the keys each looks at, about 0.3 ms a step: a store of millions of other keys is not searched through. */
const SCAN_STEPS = 200;
const KEYS_PER_STEP = 1_000;
/** Keys of the group that are looked into. */
const SAMPLE = 5;

/**
 * Looks at a few keys of a group, if there are any, and holds them against its layout. Needed because MGET calls a key of
 * another type a miss: without it a group with the wrong layout would run for ever on defaults. One key among them that
 * is right is enough, since a single bad row is only a miss; so is a look that ended before it had seen enough keys.
 * @throws WeirError `store_misconfigured`
 */
export async function checkLayout(redis: Redis, group: string, layout: Layout, keyPrefix: string): Promise<void> {
  let found: string | undefined;
  const { keys, isConclusive } = await sampleKeys(redis, keyPrefix);
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

async function findFault(redis: Redis, layout: Layout, key: Buffer): Promise<string | undefined> {
  if (layout.redisType !== 'string') return undefined;
  const value = await redis.getBuffer(key);
  return value === null ? undefined : layout.findFault(value);
}

/** Conclusive: as many keys as are wanted, or all there are. */
async function sampleKeys(redis: Redis, keyPrefix: string): Promise<{ keys: Buffer[]; isConclusive: boolean }> {
  const pattern = `${keyPrefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
  const schemaKeys = Buffer.from(`${keyPrefix}#schema:`);
  const keys: Buffer[] = [];
  let cursor = '0';
  for (let step = 0; step < SCAN_STEPS && keys.length < SAMPLE; step++) {
    const [next, found] = await redis.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', KEYS_PER_STEP);
    keys.push(...found.filter((key) => !key.subarray(0, schemaKeys.length).equals(schemaKeys)));
    cursor = next.toString();
    if (cursor === '0') break;
  }
  return { keys: keys.slice(0, SAMPLE), isConclusive: keys.length >= SAMPLE || cursor === '0' };
}
