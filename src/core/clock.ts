/** Time as a port, so that nothing in weir needs patched timers to be tested. */
export interface Clock {
  /** Milliseconds since the Unix epoch, for what is written into records. */
  wallMs(): number;
  /** Monotonic milliseconds, for durations and deadlines. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A clock that moves only when told to. For tests and for drivers without a broker. */
export class ManualClock implements Clock {
  private nowMs: number;
  private readonly epochMs: number;
  private readonly timers = new Set<{ dueMs: number; callback: () => void }>();

  constructor(epochMs = 1_700_000_000_000) {
    this.nowMs = 0;
    this.epochMs = epochMs;
  }

  wallMs(): number {
    return this.epochMs + this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.nowMs + delayMs, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Moves time on and runs what falls due, in order of due time. */
  advance(byMs: number): void {
    const target = this.nowMs + byMs;
    for (;;) {
      let next: { dueMs: number; callback: () => void } | undefined;
      for (const timer of this.timers) if (timer.dueMs <= target && (!next || timer.dueMs < next.dueMs)) next = timer;
      if (!next) break;
      this.timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      next.callback();
    }
    this.nowMs = target;
  }
}

/** Resolves after `delayMs` of the clock, or at once when the signal aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/**
 * Waits for work, but no longer than `limitMs` of the clock.
 * @returns false when it has not settled by then; it goes on, and what it throws later is nobody's
 * @throws what the work throws in time
 */
export async function settledWithin(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let cancel = (): void => {};
  const limit = new Promise<boolean>((resolve) => {
    cancel = clock.after(limitMs, () => resolve(false));
  });
  try {
    return await Promise.race([work.then(() => true), limit]);
  } finally {
    cancel();
  }
}
