/** Watches the resident memory of workers. */
import type { Fleet } from './fleet.ts';
import { pause, type ScenarioContext } from './scenario.ts';

const EVERY_MS = 500;

/** Peaks of resident memory over all slots that are watched, in bytes. */
export class MemoryWatch {
  /** What was seen since the last `mark`, in bytes, every 500 ms. */
  readonly samples: number[] = [];
  /** Since the last `mark`. */
  peakBytes = 0;
  private isOver = false;
  private readonly watching: Promise<void>;

  constructor(context: ScenarioContext, fleet: Fleet, slots: readonly number[]) {
    this.watching = this.watch(context, fleet, slots).catch(() => undefined);
    context.defer(() => this.stop());
  }

  /** Begins a new phase. @returns the peak of the one before */
  mark(): number {
    const before = this.peakBytes;
    this.peakBytes = 0;
    this.samples.length = 0;
    return before;
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.watching;
  }

  private async watch({ signal }: ScenarioContext, fleet: Fleet, slots: readonly number[]): Promise<void> {
    while (!this.isOver) {
      const bytes = Math.max(...slots.map((slot) => fleet.rssBytes(slot) ?? 0));
      this.samples.push(bytes);
      this.peakBytes = Math.max(this.peakBytes, bytes);
      await pause(EVERY_MS, signal);
    }
  }
}

/** Megabytes for people. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
