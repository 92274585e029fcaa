import type { Clock } from './clock.ts';

/**
 * Lets loops sleep until somebody rings or a time-out passes. A ring while nobody waits is remembered, so no wake-up is
 * lost; any number of rings wake each loop once.
 */
export class Doorbell {
  private rung = false;
  private readonly waiting = new Set<() => void>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  ring(): void {
    this.rung = this.waiting.size === 0;
    for (const wake of this.waiting) wake();
  }

  /** Resolves at the next ring (or at once after an unseen one), or after `timeoutMs`. */
  wait(timeoutMs: number): Promise<void> {
    if (this.rung) {
      this.rung = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        cancel();
        resolve();
      };
      const cancel = Number.isFinite(timeoutMs) ? this.clock.after(Math.max(0, timeoutMs), wake) : () => {};
      this.waiting.add(wake);
    });
  }
}
