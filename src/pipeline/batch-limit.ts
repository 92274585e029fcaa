/** What a full micro-batch starts with. */
const FIRST_ROWS = 512;
/** Full micro-batches never get smaller than this: below it a batch costs about as much as its rows. */
const LEAST_ROWS = 32;
const STEP_ROWS = 128;
const SHRINK = 0.8;

/**
 * How many rows a micro-batch may have under backlog: as many as are scored within the latency target. Additive increase,
 * multiplicative decrease on the time that full micro-batches took (as Clipper does it: Crankshaw et al., NSDI 2017, §4.3), so that
 * nothing has to be known of the model, the store or the machine. Micro-batches that were closed for another reason say nothing
 * about the limit.
 */
export class BatchLimit {
  private readonly maxRows: number;
  private readonly targetMs: number;
  private current: number;

  /** @param maxRows never more, whatever the time they take @param targetMs time from closing a micro-batch to its scores */
  constructor(maxRows: number, targetMs: number) {
    this.maxRows = maxRows;
    this.targetMs = targetMs;
    this.current = Math.min(maxRows, FIRST_ROWS);
  }

  /** Rows of a micro-batch at most. */
  get rows(): number {
    return this.current;
  }

  /** A micro-batch that was closed because it was full has been scored. */
  took(rows: number, durationMs: number): void {
    // Those cut under a larger limit have been answered already.
    if (rows > this.current) return;
    if (durationMs > this.targetMs) this.current = Math.max(Math.min(LEAST_ROWS, this.maxRows), Math.floor(this.current * SHRINK));
    else this.current = Math.min(this.maxRows, this.current + STEP_ROWS);
  }
}
