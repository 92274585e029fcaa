/** The list of what is being set up: a line a step, a tick when it is done. */
import type { Screen } from './screen.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

interface Running {
  readonly title: string;
  readonly startedMs: number;
  note: string;
}

/** Runs steps, some of them at the same time, and shows how each goes. */
export class Steps {
  private readonly screen: Screen;
  private readonly signal: AbortSignal;
  private readonly running = new Set<Running>();
  private timer: NodeJS.Timeout | undefined;
  private frame = 0;

  /** @param signal once aborted, no step begins and none is shown any more */
  constructor(screen: Screen, signal: AbortSignal) {
    this.screen = screen;
    this.signal = signal;
  }

  /**
   * Runs one step.
   * @param work gets `note`, which shows what is going on now; resolves with the text that stands behind the tick
   * @throws whatever `work` throws, after the step has been marked as failed; the reason of the signal when it is aborted
   */
  async run<T>(title: string, work: (note: (text: string) => void) => Promise<{ result: T; done: string }>): Promise<T> {
    this.signal.throwIfAborted();
    const step: Running = { title, startedMs: performance.now(), note: '' };
    this.running.add(step);
    this.redraw();
    this.timer ??= setInterval(() => this.redraw(), 100);
    const { paint } = this.screen;
    try {
      const { result, done } = await work((text) => {
        step.note = text;
      });
      this.end(step, `${paint.good('✔')} ${title.padEnd(10)}${paint.dim(seconds(step).padStart(7))}  ${done}`);
      return result;
    } catch (error) {
      this.end(step, `${paint.bad('✘')} ${title.padEnd(10)}${paint.dim(seconds(step).padStart(7))}`);
      throw error;
    }
  }

  private end(step: Running, line: string): void {
    this.running.delete(step);
    if (this.running.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
    this.redraw();
    if (!this.signal.aborted) this.screen.print(`  ${line}`);
  }

  private redraw(): void {
    if (this.signal.aborted) return this.screen.draw([]);
    const { paint } = this.screen;
    const spinner = paint.accent(FRAMES[this.frame++ % FRAMES.length] ?? '');
    this.screen.draw(
      [...this.running].map((step) => `  ${spinner} ${step.title.padEnd(10)}${paint.dim(`${seconds(step).padStart(7)}  ${step.note}`)}`),
    );
  }
}

function seconds(step: Running): string {
  return `${((performance.now() - step.startedMs) / 1000).toFixed(1)} s`;
}
