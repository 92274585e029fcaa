import type { Worker } from 'node:worker_threads';
import { WeirError } from '../../core/errors.ts';
import type { RowLayout } from '../../core/layout.ts';
import type { Rows, Scores } from '../../core/rows.ts';
import type { ThreadReply, ThreadRequest } from './protocol.ts';
import { RunFrame, Slab } from './run-frame.ts';

/** Rows `[fromRow, toRow)` to be scored in one run of one thread. */
export interface Run {
  readonly rows: Rows;
  readonly fromRow: number;
  readonly toRow: number;
  readonly scores: Scores;
}

/** How a run of a thread ended. */
export interface RunListener {
  scored(): void;
  /** The rows make the model fail, or with a `WeirError` the model is at fault. */
  failed(error: Error): void;
}

/** What a thread says of itself once it is ready. */
export type ThreadReady = Extract<ThreadReply, { readonly kind: 'ready' }>;

/**
 * The worker's end of one thread. It has one run at a time.
 *
 * A thread is never terminated: the end of an isolate whose thread is in a run of ONNX Runtime aborts the whole process. It is
 * asked to end, and does so when its run is over, if ever.
 */
export class ModelThread {
  /** Resolves when the thread can take runs. Rejects with a `WeirError` when the model is at fault, or when the thread has died. */
  readonly ready: Promise<ThreadReady>;
  /** Resolves when the thread is gone. */
  readonly gone: Promise<void>;
  private readonly worker: Worker;
  private frame: RunFrame | undefined;
  private slab: Slab | undefined;
  private run: Run | undefined;
  private listener: RunListener | undefined;
  private lastError: Error | undefined;
  /** It has been asked to end. */
  private asked = false;

  /** @param onDeath called when the thread has ended though nobody asked it to, after it was ready */
  constructor(worker: Worker, layout: RowLayout, onDeath: (error: Error) => void) {
    this.worker = worker;
    let resolveGone = (): void => {};
    this.gone = new Promise((resolve) => (resolveGone = resolve));
    this.ready = new Promise((resolve, reject) => {
      worker.on('message', (reply: ThreadReply) => {
        if (reply.kind === 'ready') {
          this.frame = new RunFrame(layout, reply.shape);
          resolve(reply);
        } else if (this.frame) this.settle(reply);
        else if (reply.kind === 'failed') reject(errorOf(reply));
      });
      worker.on('error', (error) => (this.lastError = error as Error));
      worker.on('exit', (code) => {
        const error = this.lastError ?? new Error(`it ended with code ${code}`);
        resolveGone();
        if (!this.frame) reject(new WeirError('model_stalled', `A thread of the model died while it was starting: ${error.message}.`));
        else if (!this.asked) onDeath(error);
      });
    });
  }

  /** Begins a run; the thread is ready and idle. The rows may change at once, the scores are written when it is over. */
  start(run: Run, listener: RunListener): void {
    const { rows, fromRow, toRow } = run;
    const size = this.frame!.size(rows, fromRow, toRow);
    const isNew = !this.slab || this.slab.bytes.length < size;
    if (isNew) this.slab = Slab.of(size);
    this.frame!.putRows(rows, fromRow, toRow, this.slab!);
    this.run = run;
    this.listener = listener;
    this.tell({ kind: 'run', count: toRow - fromRow, slab: isNew ? this.slab!.shared : undefined });
  }

  /** Asks the thread to end after its run, of which nothing is heard any more. It does not keep the process open. */
  leave(): void {
    if (this.asked) return;
    this.asked = true;
    this.listener = undefined;
    this.run = undefined;
    this.tell({ kind: 'close' });
    this.worker.unref();
  }

  private tell(request: ThreadRequest): void {
    this.worker.postMessage(request);
  }

  private settle(reply: ThreadReply): void {
    const { run, listener } = this;
    this.run = undefined;
    this.listener = undefined;
    if (!run || !listener) return;
    if (reply.kind === 'scored') {
      this.frame!.takeScores(this.slab!, run.toRow - run.fromRow, run.fromRow, run.scores, reply.labels);
      listener.scored();
    } else if (reply.kind === 'failed') listener.failed(errorOf(reply));
  }
}

function errorOf({ message, code }: Extract<ThreadReply, { readonly kind: 'failed' }>): Error {
  return code === undefined ? new Error(message) : new WeirError(code, message);
}
