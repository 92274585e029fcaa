/** The online stores of a pipeline: those that it waits for, and those that it can do without for a while. */
import { readFile } from 'node:fs/promises';
import type { FeatureGroupConfig, PipelineConfig } from '../config/index.ts';
import { sleep } from '../core/clock.ts';
import { WeirError, weirErrorFrom } from '../core/errors.ts';
import type { OnlineStore } from '../core/ports.ts';
import { createMemoryStore, type MemoryData } from '../features/memory-store.ts';
import { createRedisStore, type RedisGroupOptions } from '../features/redis-store.ts';
import { type Surroundings, waitOut } from './waiting.ts';

/** A store that is there has started within this; only then does a pipeline that can do without it go on. */
const GRACE_MS = 2_000;

type StoreConfig = PipelineConfig['stores'][string];

/**
 * Connects to the stores that some column needs. A store with a group that pauses without it (`onUnavailable: pause`) is
 * waited for. Any other one that is not there goes on starting in the background, and until it has started its readers
 * throw `store_unavailable`, to which the policies of its groups apply. When it throws, all are closed again.
 * @param needed names of the groups that are read
 * @param awaited those of them that columns are bound to; the others are only compared with, and hold nothing up
 * @throws WeirError `store_misconfigured`, `config_invalid`, `start_aborted`
 */
export async function startStores(
  config: PipelineConfig,
  surroundings: Surroundings,
  needed: ReadonlySet<string>,
  awaited: ReadonlySet<string> = needed,
): Promise<Map<string, OnlineStore>> {
  const stores = new Map<string, OnlineStore>();
  try {
    for (const [name, options] of Object.entries(config.stores)) {
      const groups = Object.entries(config.features).filter(([group, { store }]) => store === name && needed.has(group));
      if (groups.length === 0) continue;
      const store = await createStore(options, groups, surroundings);
      const isAwaited = groups.some(([group, { onUnavailable }]) => onUnavailable === 'pause' && awaited.has(group));
      const entered = isAwaited ? store : new BackgroundStore(name, store, surroundings);
      // Before it starts: a start that fails or is left halfway must be closed too.
      stores.set(name, entered);
      await (isAwaited ? waitOut(surroundings, `online store ${name}`, () => store.start()) : entered.start());
    }
    return stores;
  } catch (thrown) {
    for (const store of stores.values()) await store.close();
    throw thrown;
  }
}

/** The pipeline with stores that are waited for, whatever workers do without one: for who wants real values or none. */
export function waitingForStores(config: PipelineConfig): PipelineConfig {
  const features = Object.entries(config.features).map(([name, group]) => [name, { ...group, onUnavailable: 'pause' as const }] as const);
  return { ...config, features: Object.fromEntries(features) };
}

async function createStore(
  options: StoreConfig,
  groups: readonly (readonly [string, FeatureGroupConfig])[],
  { clock, logger }: Surroundings,
): Promise<OnlineStore> {
  if (options.kind === 'memory') return createMemoryStore(options.file ? await readFeatures(options.file) : {});
  const kept = groups.map(([group, config]) => [group, redisGroupOptions(config)] as const);
  return createRedisStore({ ...options, groups: Object.fromEntries(kept), clock, logger });
}

/** How a group is kept in Redis, of its section of the pipeline file. */
export function redisGroupOptions({ layout, fields, keyPrefix, ttlSeconds }: FeatureGroupConfig): RedisGroupOptions {
  return { layout, keyPrefix, ttlSeconds, ...(fields ? { fields } : {}) };
}

/** A store whose start goes on in the background when it takes long. */
class BackgroundStore implements OnlineStore {
  private readonly name: string;
  private readonly store: OnlineStore;
  private readonly surroundings: Surroundings;
  private readonly closing = new AbortController();
  private hasStarted = false;
  /** Why it can never start. Thrown by the next fetch, and so ends the pipeline. */
  private failure: WeirError | undefined;

  constructor(name: string, store: OnlineStore, surroundings: Surroundings) {
    this.name = name;
    this.store = store;
    this.surroundings = surroundings;
  }

  /** Resolves when the store has started, or has been given up waiting for. @throws WeirError what waiting does not cure, if it is known by then */
  async start(): Promise<void> {
    const { clock, logger, signal } = this.surroundings;
    const ended = AbortSignal.any([signal, this.closing.signal]);
    const starting = this.run(ended);
    const grace = new AbortController();
    await Promise.race([starting, sleep(clock, GRACE_MS, AbortSignal.any([ended, grace.signal]))]);
    grace.abort();
    if (this.failure) throw this.failure;
    if (signal.aborted) throw new WeirError('start_aborted', `Told to stop while starting: online store ${this.name}.`);
    if (!this.hasStarted) logger.warn({ store: this.name }, 'the online store is not there; going on without it, by onUnavailable');
  }

  /** Never rejects. */
  private async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.surroundings;
    try {
      await waitOut({ clock, logger, signal }, `online store ${this.name}`, () => this.store.start());
      this.hasStarted = true;
      logger.info({ store: this.name }, 'the online store has started');
    } catch (thrown) {
      if (signal.aborted) return;
      this.failure = weirErrorFrom(thrown);
      logger.error({ store: this.name, code: this.failure.code, reason: this.failure.message }, 'the online store cannot be started');
    }
  }

  reader(...[group]: Parameters<OnlineStore['reader']>): ReturnType<OnlineStore['reader']> {
    const reader = this.store.reader(group);
    return {
      group,
      fetch: async (keys, table) => {
        if (this.failure) throw this.failure;
        if (!this.hasStarted) throw new WeirError('store_unavailable', `Online store ${this.name} has not started yet.`);
        await reader.fetch(keys, table);
      },
    };
  }

  async sampleEntities(...[group, limit]: Parameters<OnlineStore['sampleEntities']>): Promise<string[]> {
    return this.store.sampleEntities(group, limit);
  }

  isHealthy(): boolean {
    return this.hasStarted && this.store.isHealthy();
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.store.close();
  }
}

async function readFeatures(path: string): Promise<MemoryData> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as MemoryData;
  } catch (cause) {
    throw new WeirError('config_invalid', `Feature file ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
