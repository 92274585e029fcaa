import type { RestartReason } from '../../ops/index.ts';
import { EXIT_CODES } from '../failure.ts';

/** How a worker process ended. */
export interface ProcessEnd {
  /** Null when a signal ended it, or when it could not be made. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why there is no process: `spawn EAGAIN`. */
  readonly notStarted?: string;
}

/**
 * True when the worker itself decided that it cannot go on: weir ends so for what waiting or trying again does not cure
 * (an exception that nobody caught included), and one more of its kind would end the same way.
 */
export function isFatal({ exitCode }: ProcessEnd): boolean {
  return exitCode === EXIT_CODES.fatal || exitCode === EXIT_CODES.usage;
}

/** Why a worker that did not end for good is started again, for the metrics. @param wasSilent it was killed for standing still */
export function restartReason({ exitCode, signal, notStarted }: ProcessEnd, wasSilent: boolean): RestartReason {
  if (wasSilent) return 'unresponsive';
  if (notStarted !== undefined) return 'not_started';
  if (signal === 'SIGKILL') return 'killed';
  return exitCode === EXIT_CODES.ok || signal === 'SIGTERM' || signal === 'SIGINT' ? 'stopped' : 'crashed';
}

/** For people: `killed by SIGKILL`, `exit code 7`. */
export function endText({ exitCode, signal, notStarted }: ProcessEnd): string {
  if (notStarted !== undefined) return `not started (${notStarted})`;
  return signal === null ? `exit code ${exitCode}` : `ended by ${signal}`;
}

/** How often and how fast a worker is started again. */
export interface RestartPolicy {
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A worker that has been ready this long is healthy: its deaths are forgotten. */
  readonly healthyAfterMs: number;
  /** So many deaths within `windowMs` are a crash loop. */
  readonly maxDeathsInWindow: number;
  readonly windowMs: number;
  /** So many deaths in a row, however slow, without health in between, are one too: nothing is tried for ever. */
  readonly maxDeathsInRow: number;
}

/** 0.5 s doubling to 30 s; given up after 5 deaths within a minute or 10 in a row. */
export const DEFAULT_RESTARTS: RestartPolicy = {
  firstDelayMs: 500,
  maxDelayMs: 30_000,
  healthyAfterMs: 60_000,
  maxDeathsInWindow: 5,
  windowMs: 60_000,
  maxDeathsInRow: 10,
};

/** The deaths of one worker, and what follows from them. */
export class Restarts {
  private readonly policy: RestartPolicy;
  private readonly random: () => number;
  /** When it died, since it was last healthy. */
  private deathsMs: number[] = [];

  /** @param random gives numbers from 0 to 1, for the jitter */
  constructor(policy: RestartPolicy, random: () => number) {
    this.policy = policy;
    this.random = random;
  }

  /** Deaths since it was last healthy. */
  get inRow(): number {
    return this.deathsMs.length;
  }

  /**
   * The worker has died.
   * @param readyMs how long it had been ready since its start, 0 when it never was
   * @returns milliseconds to wait before it is started again, or undefined when it dies too often
   */
  died(nowMs: number, readyMs: number): number | undefined {
    const { policy } = this;
    if (readyMs >= policy.healthyAfterMs) this.deathsMs = [];
    this.deathsMs.push(nowMs);
    const inRow = this.deathsMs.length;
    const inWindow = this.deathsMs.filter((atMs) => nowMs - atMs <= policy.windowMs).length;
    if (inWindow >= policy.maxDeathsInWindow || inRow >= policy.maxDeathsInRow) return undefined;
    const ceiling = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (inRow - 1));
    return ceiling * (0.5 + this.random() / 2);
  }
}
