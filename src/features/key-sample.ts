import type { Redis } from 'ioredis';

/** Keys that one step of a SCAN looks at; about 0.3 ms. */
const KEYS_PER_STEP = 1_000;

/** Keys of a group. */
export interface KeySample {
  readonly keys: Buffer[];
  /** As many keys as are wanted, or all there are. */
  readonly isConclusive: boolean;
}

/**
 * Finds keys of a group by SCAN, which does not hold up a server as KEYS would; keys with schemas of rows are left out.
 * @param servers those that hold the keys, looked through one after the other
 * @param bounds keys that are wanted, and steps after which the search is given up
 */
export async function sampleKeys(
  servers: readonly Redis[],
  keyPrefix: string,
  bounds: { readonly keys: number; readonly steps: number },
): Promise<KeySample> {
  const pattern = `${keyPrefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
  const schemaKeys = Buffer.from(`${keyPrefix}#schema:`);
  const keys: Buffer[] = [];
  let steps = 0;
  let left = servers.length;
  for (const server of servers) {
    let cursor: string | undefined;
    for (; cursor !== '0' && steps < bounds.steps && keys.length < bounds.keys; steps++) {
      const [next, found] = await server.scanBuffer(cursor ?? '0', 'MATCH', pattern, 'COUNT', KEYS_PER_STEP);
      for (const key of found) if (!key.subarray(0, schemaKeys.length).equals(schemaKeys)) keys.push(key);
      cursor = next.toString();
    }
    if (cursor === '0') left--;
  }
  return { keys: keys.slice(0, bounds.keys), isConclusive: keys.length >= bounds.keys || left === 0 };
}
