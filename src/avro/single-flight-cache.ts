import type { Clock } from '../core/clock.ts';

/** Bounds of a `SingleFlightCache`. */
export interface CacheOptions {
  /** Entries kept; the least recently used goes first. */
  readonly capacity: number;
  /** How long a failure for which `isLasting` holds is remembered, milliseconds. */
  readonly negativeTtlMs: number;
  /** True for errors that asking again at once would not cure. Other failures are never remembered. */
  readonly isLasting: (error: unknown) => boolean;
  readonly clock: Clock;
}

/**
 * Answers by key, for ever while there is room; one load per key at a time, shared by all who ask. Meant for answers
 * that never change, like a schema by its id.
 */
export class SingleFlightCache<T> {
  private readonly values = new Map<string, T>();
  private readonly failures = new Map<string, { readonly error: unknown; readonly untilMs: number }>();
  private readonly loading = new Map<string, Promise<T>>();
  private readonly options: CacheOptions;

  constructor(options: CacheOptions) {
    this.options = options;
  }

  /** The cached answer, the load under way, or a new load. Rejects as `load` rejects. */
  get(key: string, load: () => Promise<T>): Promise<T> {
    const value = this.values.get(key);
    if (value !== undefined) {
      this.values.delete(key);
      this.values.set(key, value);
      return Promise.resolve(value);
    }
    const failure = this.failures.get(key);
    if (failure) {
      if (failure.untilMs > this.options.clock.monotonicMs()) return Promise.reject(failure.error);
      this.failures.delete(key);
    }
    const underway = this.loading.get(key);
    if (underway) return underway;
    const promise = this.load(key, load);
    this.loading.set(key, promise);
    return promise;
  }

  private async load(key: string, load: () => Promise<T>): Promise<T> {
    try {
      // Never in the caller's turn: a load that fails at once must not be taken out of `loading` before it is put in.
      const value = await Promise.resolve().then(load);
      this.values.set(key, value);
      trim(this.values, this.options.capacity);
      return value;
    } catch (error) {
      if (this.options.isLasting(error)) {
        this.failures.set(key, { error, untilMs: this.options.clock.monotonicMs() + this.options.negativeTtlMs });
        trim(this.failures, this.options.capacity);
      }
      throw error;
    } finally {
      this.loading.delete(key);
    }
  }
}

function trim(map: Map<string, unknown>, capacity: number): void {
  for (const key of map.keys()) {
    if (map.size <= capacity) return;
    map.delete(key);
  }
}
