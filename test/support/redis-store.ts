import { systemClock } from '../../src/core/clock.ts';
import { isRetriable } from '../../src/core/errors.ts';
import type { Logger } from '../../src/core/ports.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { createRedisStore, type LayoutName, type RedisStore, type RedisStoreOptions } from '../../src/features/index.ts';
import { services } from './services.ts';

/** All layouts of a Redis store. */
export const LAYOUTS: LayoutName[] = ['json', 'hash', 'packed'];

/** The group of the tests. */
export const plane = { name: 'plane', floatFeatures: ['yearBuilt', 'seats'], stringFeatures: ['maker'] };

/** A row of `plane`. */
export const row = (entity: string, yearBuilt: number, writtenAtMs = 5) => ({
  entity,
  writtenAtMs,
  values: { yearBuilt, seats: 150, maker: 'AIRBUS' },
});

/** A store on the Redis of the test run, with the group `plane` under `keyPrefix`. */
export function createStore(
  layout: LayoutName,
  keyPrefix: string,
  options: Partial<RedisStoreOptions> = {},
  ttlSeconds?: number,
): RedisStore {
  return createRedisStore({
    ...(options.sentinel || options.cluster ? {} : { url: services().redisUrl }),
    deadlineMs: 5_000,
    breaker: { failures: 5, resetMs: 1_000 },
    clock: systemClock,
    logger: silentLogger,
    groups: { plane: { layout, keyPrefix, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) } },
    ...options,
  });
}

/** A logger that keeps its warnings and errors. */
export function recordingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (_: object, message: string): void => void lines.push(message);
  return { lines, debug: () => {}, info: () => {}, warn: keep, error: keep };
}

/** Tries until it succeeds; for what heals by itself, in a time that is not promised. */
export async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!isRetriable(thrown)) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
