/** Schedules of faults, drawn from the seed of the run, and what watches while they happen. */
import { type ChaosPipeline } from './pipeline.ts';
import { type Random, wholeBetween } from './random.ts';
import { pause, type ScenarioContext } from './scenario.ts';

/** Something that happens to one worker, at a time after the start. */
export interface Fault {
  readonly atMs: number;
  readonly slot: number;
  readonly kind: 'kill' | 'freeze';
  /** Until the worker is started again, or thawed. */
  readonly forMs: number;
}

/**
 * `kills` kills spread evenly with jitter, and one freeze in the second half. A worker is never hit again before it had
 * time to come back; the same seed gives the same schedule.
 */
export function killSchedule(
  random: Random,
  options: { readonly kills: number; readonly durationMs: number; readonly slots: number; readonly freezeMs: number },
): Fault[] {
  const { kills, durationMs, slots, freezeMs } = options;
  const stepMs = durationMs / (kills + 1);
  const frozen = wholeBetween(random, 0, slots - 1);
  const freezeAtMs = Math.round(durationMs * 0.5);
  const schedule: Fault[] = freezeMs > 0 ? [{ atMs: freezeAtMs, slot: frozen, kind: 'freeze', forMs: freezeMs }] : [];
  let last = -1;
  for (let i = 0; i < kills; i++) {
    const atMs = Math.round(stepMs * (i + 0.5 + random() * 0.5));
    const isFrozen = (slot: number): boolean =>
      freezeMs > 0 && slot === frozen && atMs > freezeAtMs - 8_000 && atMs < freezeAtMs + freezeMs + 1_000;
    const free = Array.from({ length: slots }, (_, slot) => slot).filter((slot) => slot !== last && !isFrozen(slot));
    const slot = free[wholeBetween(random, 0, free.length - 1)]!;
    last = slot;
    // Back before the session of the dead one has ended, about then, and after it.
    schedule.push({ atMs, slot, kind: 'kill', forMs: [200, 2_000, 7_000][wholeBetween(random, 0, 2)]! });
  }
  return schedule.sort((a, b) => a.atMs - b.atMs);
}

/** Runs `act` for each fault when it is due, overlapping, and waits for all of them. */
export async function carryOut<F extends { readonly atMs: number }>(
  faults: readonly F[],
  signal: AbortSignal,
  act: (fault: F) => Promise<void>,
): Promise<void> {
  const startedMs = performance.now();
  const under: Promise<void>[] = [];
  for (const fault of faults) {
    await pause(Math.max(0, fault.atMs - (performance.now() - startedMs)), signal);
    const acting = act(fault);
    acting.catch(() => undefined); // looked at below, unless the suite is stopped in between
    under.push(acting);
  }
  await Promise.all(under);
}

/** Watches the committed positions while there is something to do. */
export class ProgressWatch {
  /** Longest time without a new commit although records were waiting. */
  longestGapMs = 0;
  private moves = 0;
  private isOver = false;
  private readonly watching: Promise<void>;

  constructor(context: ScenarioContext, pipeline: ChaosPipeline, everyMs = 500) {
    this.watching = this.watch(context, pipeline, everyMs).catch(() => undefined);
    context.defer(() => void this.stop());
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.watching;
  }

  /** Resolves when more has been committed, twice, than at the call. */
  async untilMoving(signal: AbortSignal): Promise<void> {
    const wanted = this.moves + 2;
    while (this.moves < wanted && !this.isOver) await pause(200, signal);
  }

  private async watch({ signal }: ScenarioContext, pipeline: ChaosPipeline, everyMs: number): Promise<void> {
    let last = -1;
    let movedMs = performance.now();
    while (!this.isOver) {
      const lag = await pipeline.lag();
      const committed = await pipeline.committed();
      const nowMs = performance.now();
      const hasMoved = committed !== undefined && committed !== last;
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - movedMs);
      if (hasMoved || lag === 0) movedMs = nowMs;
      if (hasMoved) {
        last = committed;
        this.moves++;
      }
      await pause(everyMs, signal);
    }
  }
}

/** The value below which a share of the values lies; NaN when there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
