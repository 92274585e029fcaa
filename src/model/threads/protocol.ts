/** What the worker and a thread of the model say to each other. One message a run each way; rows and scores lie in shared memory. */
import type { ErrorCode } from '../../core/errors.ts';
import type { RowLayout } from '../../core/layout.ts';
import type { ModelPackage } from '../package.ts';
import type { RunFit } from '../run-curve.ts';
import type { SessionOptions } from '../session.ts';

/** What the scores of a model consist of. */
export interface ScoreShape {
  readonly label: boolean;
  readonly extras: readonly { readonly name: string; readonly width: number }[];
}

/** What of a package must be the same in every thread of a worker. Survives structured cloning. */
export type PackageIdentity = Pick<ModelPackage, 'name' | 'version' | 'sha256' | 'inputs' | 'outputs' | 'maxBatchRows' | 'golden'>;

/** Picks the identity out of a package. */
export function identityOf({ name, version, sha256, inputs, outputs, maxBatchRows, golden }: ModelPackage): PackageIdentity {
  return { name, version, sha256, inputs, outputs, maxBatchRows, golden };
}

/** What a thread is started with (`workerData`). */
export interface ThreadSetup {
  readonly folder: string;
  /** The thread reads the package itself; it must be this one. */
  readonly identity: PackageIdentity;
  readonly layout: RowLayout;
  readonly session: SessionOptions;
  /** Find the best number of rows of a run. Once is enough: the first thread does it. */
  readonly measure: boolean;
}

/** To a thread. */
export type ThreadRequest =
  /** Score the rows in the shared memory; `slab` is there when it is another one than before. */
  | { readonly kind: 'run'; readonly count: number; readonly slab: SharedArrayBuffer | undefined }
  /** Let go of the session and end. */
  | { readonly kind: 'close' };

/** From a thread. */
export type ThreadReply =
  | { readonly kind: 'ready'; readonly shape: ScoreShape; readonly runRows: number; readonly fit: RunFit | undefined }
  /** The scores are in the shared memory. `labels`: the different ones of this run; the memory holds their numbers. */
  | { readonly kind: 'scored'; readonly labels: readonly string[] | undefined }
  /** The start or the run failed; with a code when the model is at fault. */
  | { readonly kind: 'failed'; readonly message: string; readonly code: ErrorCode | undefined };
