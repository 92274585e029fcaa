/** Everything a run has started, ended in reverse order: at the end, after a failure, and at Ctrl-C. */

/** Nothing may hold up the end of the demo for longer; `src/dev/guard.ts` ends what is left. */
const LIMIT_MS = 60_000;
/** Signals so soon after the first are the same wish: sent to the process group, and handed on by npm or a shell besides. */
const SAME_STOP_MS = 1_000;

/** A stack of things to undo. */
export class Cleanup {
  private readonly tasks: { readonly name: string; readonly undo: () => Promise<unknown> }[] = [];
  private readonly controller = new AbortController();
  private interruptedMs = 0;

  /** Aborted at Ctrl-C. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  add(name: string, undo: () => Promise<unknown>): void {
    this.tasks.push({ name, undo });
  }

  /**
   * Interrupts the run at the first call.
   * @param nowMs monotonic milliseconds
   * @returns what the person wants who has sent the signal: `stop`, once more the `same`, or to be gone `now`
   */
  interrupt(nowMs = performance.now()): 'stop' | 'same' | 'now' {
    if (this.signal.aborted) return nowMs - this.interruptedMs < SAME_STOP_MS ? 'same' : 'now';
    this.interruptedMs = nowMs;
    this.controller.abort();
    return 'stop';
  }

  /** Resolves at Ctrl-C. */
  whenInterrupted(): Promise<void> {
    if (this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  /** The outcome of `work`, or a rejection as soon as the run is interrupted; what `work` does after that is of no interest. */
  async race<T>(work: Promise<T>): Promise<T> {
    const interrupted = this.whenInterrupted().then(() => {
      throw new Error('interrupted');
    });
    work.catch(() => undefined);
    interrupted.catch(() => undefined);
    return await Promise.race([work, interrupted]);
  }

  /** Undoes all, last first. Failures are told on standard error and stop nothing. */
  async run(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LIMIT_MS);
    });
    const all = async (): Promise<void> => {
      for (let task = this.tasks.pop(); task; task = this.tasks.pop()) {
        const { name, undo } = task;
        await undo().catch((error: unknown) => {
          process.stderr.write(`could not stop ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
        });
      }
    };
    await Promise.race([all(), limit]);
    clearTimeout(timer);
  }
}
