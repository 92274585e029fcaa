import { describe, expect, test } from 'vitest';
import { SingleFlightCache } from '../../../src/avro/single-flight-cache.ts';
import { ManualClock } from '../../../src/core/clock.ts';

function cacheOf(capacity = 10) {
  const clock = new ManualClock();
  const isLasting = (error: unknown): boolean => error instanceof RangeError;
  return { clock, cache: new SingleFlightCache<string>({ capacity, negativeTtlMs: 100, isLasting, clock }) };
}

describe('SingleFlightCache', () => {
  test('a load that throws at once does not block its key', async () => {
    const { cache } = cacheOf();
    const load = (): Promise<string> => {
      throw new Error('at once');
    };
    await expect(cache.get('a', load)).rejects.toThrow('at once');
    expect(await cache.get('a', async () => 'now')).toBe('now');
  });

  test('lasting failures are remembered for their time and are bounded', async () => {
    const { cache, clock } = cacheOf(2);
    let loads = 0;
    const load = async (): Promise<string> => {
      loads++;
      throw new RangeError('no');
    };
    for (const key of ['a', 'a', 'b', 'c', 'a']) await expect(cache.get(key, load)).rejects.toThrow('no');
    expect(loads).toBe(4); // the second a was remembered, the third had been pushed out
    clock.advance(100);
    await expect(cache.get('a', load)).rejects.toThrow('no');
    expect(loads).toBe(5);
  });
});
