import type { RowLayout } from '../core/layout.ts';
import type { Model } from '../core/ports.ts';
import { Rows, type Scores } from '../core/rows.ts';
import type { MicroBatch } from './micro-batcher.ts';

/** One micro-batch on its way: its rows, its scores, and a promise that settles when it is scored. */
export interface Work {
  readonly rows: Rows;
  readonly scores: Scores;
  batch: MicroBatch;
  /** Resolves when every row has a score or a failure. */
  scored: Promise<void>;
  /** True once `scored` has resolved. */
  isScored: boolean;
}

/** Rows and scores are large typed arrays: they are made once per batch in flight and used again. */
export class WorkPool {
  private readonly free: Work[] = [];
  private readonly layout: RowLayout;
  private readonly model: Model;
  private readonly maxRows: number;

  constructor(layout: RowLayout, model: Model, maxRows: number) {
    this.layout = layout;
    this.model = model;
    this.maxRows = maxRows;
  }

  take(batch: MicroBatch): Work {
    const work = this.free.pop() ?? {
      rows: new Rows(this.layout, this.maxRows),
      scores: this.model.createScores(this.maxRows),
      batch,
      scored: Promise.resolve(),
      isScored: false,
    };
    work.batch = batch;
    work.isScored = false;
    return work;
  }

  give(work: Work): void {
    // Lets go of the record buffers, which are much larger than the rows.
    work.rows.slices = [];
    work.batch = { slices: [], rows: 0, bytes: 0, reason: 'drain' };
    this.free.push(work);
  }
}
