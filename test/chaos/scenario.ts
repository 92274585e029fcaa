import type { DriftAccount } from './drift-account.ts';
import type { Random } from './random.ts';

/** How predictions are delivered; the value of `delivery.mode` in the pipeline file. */
export type Delivery = 'exactly-once' | 'at-least-once';

/** What a scenario is given. */
export interface ScenarioContext {
  readonly delivery: Delivery;
  readonly seed: number;
  /** Short: fewer inputs, fewer faults. */
  readonly isQuick: boolean;
  /** A folder of the run's own, for logs and data. */
  readonly folder: string;
  /** The schedule of the faults is drawn from this alone. */
  readonly random: Random;
  readonly say: (line: string) => void;
  /** Runs at the end, however it ends, the latest first. */
  readonly defer: (cleanUp: () => Promise<void> | void) => void;
  /** Aborts when the suite is told to stop. */
  readonly signal: AbortSignal;
}

/** What came of a scenario. */
export interface Findings {
  readonly inputs: number;
  /** Faults that were injected. */
  readonly faults: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly wrong: number;
  /** What the workers counted for drift; absent: they did not. */
  readonly drift?: DriftAccount | undefined;
  /** Each thing that should hold and does not, in words. Empty: passed. */
  readonly problems: readonly string[];
  /** What else was measured: `drain p99 1.2 s`. */
  readonly notes: readonly string[];
}

/** One row of the chaos table. */
export interface Scenario {
  readonly name: string;
  /** The faults, for people. */
  readonly faults: string;
  /** What must hold, for people. */
  readonly holds: string;
  /** One row for each when all scenarios run; any may be asked for by name. */
  readonly deliveries: readonly Delivery[];
  /** True: the workers are broken on purpose, and their faults must be found. */
  readonly isTrial?: boolean;
  run(context: ScenarioContext): Promise<Findings>;
}

/** Waits, but not beyond the end of the suite. @throws when the suite was told to stop */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Polls until it is true. @throws after `timeoutMs`, with `what` in the message */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { signal, timeoutMs, what, pollMs = 250 }: { signal: AbortSignal; timeoutMs: number; what: string; pollMs?: number },
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${Math.round(timeoutMs / 1000)} s`);
    await pause(pollMs, signal);
  }
}
