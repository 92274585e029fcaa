/** Measures a process from within: records, wall time and CPU time (all threads, garbage collection included) of a window. */

/** What one run of one cell gave. */
export interface CellRun {
  readonly records: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMb: number;
}

/** How long to run: wall time, and in each as much CPU time of the process too, since on a busy machine it may get little. */
export interface MeterOptions {
  readonly warmUpMs: number;
  readonly warmUpCpuMs: number;
  readonly windowMs: number;
  readonly windowCpuMs: number;
}

/** Leaves a warm-up out, which begins with the first records, then counts until the window is over. */
export class Meter {
  /** Resolves when the window is over, or the data are. */
  readonly done: Promise<CellRun>;
  private readonly options: MeterOptions;
  private resolve: (run: CellRun) => void = () => {};
  private firstMs: number | undefined;
  private firstCpu: NodeJS.CpuUsage | undefined;
  private begin: { readonly atMs: number; readonly cpu: NodeJS.CpuUsage } | undefined;
  private records = 0;
  private isOver = false;

  constructor(options: MeterOptions) {
    this.options = options;
    this.done = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  /** Call it once a batch, when its records are read or acknowledged. @returns true when the window is over */
  add(records: number): boolean {
    if (this.isOver) return true;
    const nowMs = performance.now();
    this.firstMs ??= nowMs;
    this.firstCpu ??= process.cpuUsage();
    if (!this.begin) {
      const isWarm = nowMs - this.firstMs >= this.options.warmUpMs && cpuMsSince(this.firstCpu!) >= this.options.warmUpCpuMs;
      if (isWarm) this.begin = { atMs: nowMs, cpu: process.cpuUsage() };
      return false;
    }
    this.records += records;
    const { atMs, cpu } = this.begin;
    if (nowMs - atMs >= this.options.windowMs && cpuMsSince(cpu) >= this.options.windowCpuMs) this.end();
    return this.isOver;
  }

  /** Ends the window now: there are no more data. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    const { atMs, cpu } = this.begin ?? { atMs: performance.now(), cpu: process.cpuUsage() };
    this.resolve({
      records: this.records,
      seconds: (performance.now() - atMs) / 1000,
      cpuSeconds: cpuMsSince(cpu) / 1e3,
      rssMb: process.memoryUsage.rss() / 1e6,
    });
  }
}

function cpuMsSince(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e3;
}
