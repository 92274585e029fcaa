import type { CloseReason, PipelineMetrics, StepName } from '../../core/ports.ts';
import { GROUP_HIT, type Rows, type Scores } from '../../core/rows.ts';
import type { PoolSource } from './pool-source.ts';
import { type Latencies, Samples } from './samples.ts';

/** In the order of the path. */
const STEPS: readonly StepName[] = ['decode', 'enrich', 'validate', 'score', 'encode', 'drift', 'emit'];

/** Rows that failed for one reason. */
export interface FailedRows {
  readonly code: string;
  readonly rows: number;
  /** Share of all rows, 0 to 1. */
  readonly share: number;
  /** What the first one says. */
  readonly message: string;
}

/** What a run of the pipeline showed. */
export interface Measurement {
  /** Length of the window that was measured. */
  readonly seconds: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Of this process, all threads. */
  readonly cpuSecondsPerMillionEvents: number;
  readonly rowsPerBatch: number;
  /** Time between begin and end of each step, waiting included, divided by the rows. Micro-batches overlap, so it is no share of a core. */
  readonly stepMicrosPerEvent: Readonly<Partial<Record<StepName, number>>>;
  readonly rssBytes: number;
  readonly failed: readonly FailedRows[];
  /** Records without a value, which are settled without a prediction. */
  readonly skipped: number;
  /** Share of the rows whose entity was found, by feature group, 0 to 1. */
  readonly hitShare: Readonly<Record<string, number>>;
  readonly latency?: Latencies;
}

/** What to record of a run. */
export interface RecorderOptions {
  /** What a worker counts anyway: it belongs to the cost. */
  readonly inner: PipelineMetrics;
  readonly source: PoolSource;
  /** Counting begins so long after the start, and ends here. */
  readonly leadMs: number;
  readonly durationMs: number;
  readonly isPaced: boolean;
  /** Called with each micro-batch that was counted. */
  readonly onSettled: (events: number, elapsedMs: number) => void;
}

/** Metrics of a pipeline that are kept for a report. The window opens and closes at the end of an emission, so no row is counted in part. */
export class Recorder implements PipelineMetrics {
  private readonly options: RecorderOptions;
  private readonly samples = new Samples();
  private readonly steps = new Map<StepName, number>();
  private readonly failures = new Map<string, { rows: number; message: string }>();
  private readonly hits = new Map<string, number>();
  private openedMs = Number.NaN;
  private lastMs = Number.NaN;
  private cpuMicros = 0;
  private lastCpuMicros = 0;
  private batches = 0;
  private rows = 0;
  private skipped = 0;

  constructor(options: RecorderOptions) {
    this.options = options;
  }

  batchClosed(reason: CloseReason, rows: number, limitRows: number): void {
    this.options.inner.batchClosed(reason, rows, limitRows);
  }

  step(name: StepName, seconds: number): void {
    this.options.inner.step(name, seconds);
    this.steps.set(name, (this.steps.get(name) ?? 0) + seconds);
  }

  settled(rows: Rows, scores: Scores, nowMs: number): void {
    const { inner, source, leadMs, durationMs, isPaced, onSettled } = this.options;
    inner.settled(rows, scores, nowMs);
    const elapsedMs = nowMs - source.startedMs;
    // Without a schedule, what is left in the pipeline at the end is worked off with less and less company.
    if (elapsedMs < leadMs || (!isPaced && elapsedMs > durationMs)) return;
    if (Number.isNaN(this.openedMs)) {
      this.openedMs = nowMs;
      this.cpuMicros = cpuMicros();
      this.steps.clear();
    }
    // Micro-batches of the emission that opens the window were scored before it.
    if (nowMs === this.openedMs) return;
    this.lastMs = nowMs;
    this.lastCpuMicros = cpuMicros();
    this.batches++;
    this.rows += rows.count;
    this.countHits(rows);
    if (rows.failed > 0) this.countFailures(rows);
    if (isPaced) this.addLatencies(rows, nowMs);
    onSettled(this.rows, elapsedMs);
  }

  retried(name: StepName, code: string): void {
    this.options.inner.retried(name, code);
  }

  invalid(column: string, action: string, count: number): void {
    this.options.inner.invalid(column, action, count);
  }

  inFlight(batches: number): void {
    this.options.inner.inFlight(batches);
  }

  /** What was counted; undefined when nothing was finished in the window. */
  measurement(): Measurement | undefined {
    const { rows } = this;
    if (rows === 0) return undefined;
    const seconds = (this.lastMs - this.openedMs) / 1_000;
    const latency = this.samples.latencies();
    return {
      seconds,
      events: rows,
      eventsPerSecond: rows / seconds,
      cpuSecondsPerMillionEvents: (this.lastCpuMicros - this.cpuMicros) / rows,
      rowsPerBatch: rows / this.batches,
      stepMicrosPerEvent: Object.fromEntries(
        STEPS.filter((name) => this.steps.has(name)).map((name) => [name, (this.steps.get(name)! * 1e6) / rows]),
      ),
      rssBytes: process.memoryUsage.rss(),
      failed: [...this.failures].map(([code, failed]) => ({ code, ...failed, share: failed.rows / rows })),
      skipped: this.skipped,
      hitShare: Object.fromEntries([...this.hits].map(([group, hits]) => [group, hits / rows])),
      ...(latency && { latency }),
    };
  }

  private countHits({ layout, groupState, count }: Rows): void {
    for (const { name, index } of layout.groups) {
      const state = groupState[index]!;
      let hits = 0;
      for (let row = 0; row < count; row++) if (state[row] === GROUP_HIT) hits++;
      this.hits.set(name, (this.hits.get(name) ?? 0) + hits);
    }
  }

  private countFailures(rows: Rows): void {
    let failed = 0;
    for (let row = 0; row < rows.count; row++) {
      const code = rows.codeOf(row);
      if (code === undefined) continue;
      failed++;
      const known = this.failures.get(code);
      if (known) known.rows++;
      else this.failures.set(code, { rows: 1, message: rows.messageOf(row) });
    }
    // Nothing is withdrawn here: what failed without a code is skipped.
    this.skipped += rows.failed - failed;
  }

  private addLatencies({ slices }: Rows, nowMs: number): void {
    const { source } = this.options;
    for (const { records, from, to } of slices) for (let i = from; i < to; i++) this.samples.add(nowMs - source.dueMs(records.offsets[i]!));
  }
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
