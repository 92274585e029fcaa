import { performanceDeltaType } from '../schemas.ts';
import type { PerformanceLayout } from './layout.ts';

/** Counts of one pane and arm: `schemas/performance-delta.avsc`. */
export interface PerformancePane {
  readonly start: number;
  readonly durationMs: number;
  readonly arm: string;
  /** Ascending. */
  readonly cells: readonly number[];
  readonly sums: readonly number[];
  readonly inputs: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly fromOffset: number;
    readonly toOffset: number;
  }[];
}

/** One record of performance on the profiles topic. */
export interface PerformanceDelta {
  readonly model: string;
  readonly modelVersion: string;
  readonly referenceId: string;
  readonly layout: string;
  readonly predictionsPartition: number;
  readonly emittedAt: number;
  readonly panes: readonly PerformancePane[];
}

/** Key of the performance records of a model version on the profiles topic. */
export function performanceKey({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}|${version}|performance`;
}

/** Name of a layout in deltas. */
export function layoutName({ task, size }: PerformanceLayout): string {
  return `${task.kind}/${size}`;
}

/** The framing bytes and the Avro body of a delta. */
export function encodePerformanceDelta(prefix: Buffer, delta: PerformanceDelta): Buffer {
  return Buffer.concat([prefix, performanceDeltaType.toBuffer(delta)]);
}
