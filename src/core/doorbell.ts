import type { Clock } from '../core/clock.ts';

/**
 * Lets one loop sleep until somebody rings or a time-out passes. A ring while nobody waits is remembered, so no wake-up
 * is lost; any number of rings wake the loop once.
 */
export class Doorbell {
  private rung = false;
  private open: (() => void) | undefined;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  ring(): void {
    this.rung = true;
    this.open?.();
  }

  /** Resolves at the next ring (or at once after an unseen one), or after `timeoutMs`. */
  wait(timeoutMs: number): Promise<void> {
    if (this.rung) {
      this.rung = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const cancel = Number.isFinite(timeoutMs) ? this.clock.after(Math.max(0, timeoutMs), () => this.open?.()) : () => {};
      this.open = () => {
        this.open = undefined;
        this.rung = false;
        cancel();
        resolve();
      };
    });
  }
}
