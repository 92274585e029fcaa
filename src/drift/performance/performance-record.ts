import type { OutputRecords } from '../../core/outputs.ts';
import { type RecordReader, recordReader } from '../record-reader.ts';
import { performanceStatisticsType } from '../schemas.ts';
import { estimatePerformance } from './estimate.ts';
import type { PerformanceLayout } from './layout.ts';
import {
  byScoreOf,
  delayQuantileMs,
  labelledOf,
  measureLabelled,
  type PerformanceByScore,
  type PerformanceMeasures,
  type PerformanceMetric,
  predictionsOf,
} from './measures.ts';
import type { PerformanceWindow } from './performance-book.ts';
import { logLossVarianceOf } from './sampling-error.ts';
import { judgePerformance, type PerformanceVerdict } from './verdict.ts';

/** One record of the performance topic: `schemas/performance-statistics.avsc`. Times are milliseconds since the epoch. */
export interface PerformanceStatistics extends PerformanceVerdict {
  readonly model: string;
  readonly modelVersion: string;
  readonly arm: string;
  readonly referenceId: string;
  /** Name of the size of the window: `1h`, `month`. */
  readonly window: string;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly revision: number;
  readonly final: boolean;
  readonly task: 'BINARY' | 'MULTICLASS' | 'REGRESSION';
  readonly predictions: number;
  readonly labelled: number;
  readonly labelCoverage: number;
  readonly labelDelayMedianMs: number | null;
  readonly labelDelayP90Ms: number | null;
  readonly realised: PerformanceMeasures | null;
  readonly estimated: PerformanceMeasures | null;
  readonly reference: PerformanceMeasures | null;
  readonly byScore: readonly PerformanceByScore[];
}

/** What a window is held against. */
export interface PerformanceYardstick {
  readonly model: { readonly name: string; readonly version: string };
  readonly referenceId: string;
  readonly layout: PerformanceLayout;
  /** Sums of the labelled reference rows, in the cells of `layout`; null: the reference has no labels. */
  readonly referenceCells: ArrayLike<number> | null;
  /** Their measures (`measureLabelled`). */
  readonly reference: PerformanceMeasures | null;
  /** The measure that the verdict is about. */
  readonly metric: PerformanceMetric;
  /** See `labels.maxDrop` and `labels.minSamples`. */
  readonly maxDrop: number;
  readonly minSamples: number;
}

const TASKS = { binary: 'BINARY', multiclass: 'MULTICLASS', regression: 'REGRESSION' } as const;

/** What is said of a window as it is now. @param final no label of it is waited for */
export function performanceStatisticsOf(window: PerformanceWindow, final: boolean, yardstick: PerformanceYardstick): PerformanceStatistics {
  const { size, startMs, endMs, arm, revision, cells } = window;
  const { model, referenceId, layout, referenceCells, reference, metric, maxDrop, minSamples } = yardstick;
  const predictions = predictionsOf(layout, cells);
  const labelled = labelledOf(layout, cells);
  const realised = measureLabelled(layout, cells);
  const estimated = estimatePerformance(layout, cells, referenceCells);
  const referenceN = reference?.n ?? 0;
  const lossVariances = metric === 'logLoss' && {
    window: logLossVarianceOf(layout, cells),
    reference: referenceCells && logLossVarianceOf(layout, referenceCells),
  };
  const sides = { realised, labelled, estimated, predictions, reference, referenceN, ...(lossVariances && { lossVariances }) };
  return {
    ...{ model: model.name, modelVersion: model.version, arm, referenceId },
    ...{ window: size.name, windowStart: startMs, windowEnd: endMs, revision, final },
    task: TASKS[layout.task.kind],
    ...{ predictions, labelled, labelCoverage: predictions > 0 ? labelled / predictions : 0 },
    labelDelayMedianMs: delayQuantileMs(layout, cells, 0.5),
    labelDelayP90Ms: delayQuantileMs(layout, cells, 0.9),
    ...{ realised, estimated, reference },
    ...judgePerformance({ layout, ...sides, metric, maxDrop, minSamples }),
    byScore: byScoreOf(layout, cells),
  };
}

/** Compaction key of a window's performance. */
export function performanceStatisticsKey(
  statistics: Pick<PerformanceStatistics, 'model' | 'modelVersion' | 'arm' | 'window' | 'windowStart'>,
): string {
  const { model, modelVersion, arm, window, windowStart } = statistics;
  return `${model}|${modelVersion}|${arm}|${window}|${windowStart}`;
}

/** The framing bytes and the Avro body of a record. Numbers that are not finite become null. */
export function encodePerformanceStatistics(prefix: Buffer, statistics: PerformanceStatistics): Buffer {
  const { realised, estimated, reference } = statistics;
  const plain = {
    ...finiteOnly(statistics),
    ...{ realised: realised && finiteOnly(realised), estimated: estimated && finiteOnly(estimated) },
    reference: reference && finiteOnly(reference),
  };
  return Buffer.concat([prefix, performanceStatisticsType.toBuffer(plain)]);
}

/**
 * Reads a record of this version.
 * @param prefixLength framing bytes to skip
 * @throws Error when the bytes are not a performance record; for topics that weir itself writes
 */
export function decodePerformanceStatistics(prefixLength: number, value: Buffer): PerformanceStatistics {
  return performanceStatisticsType.fromBuffer(value.subarray(prefixLength)) as PerformanceStatistics;
}

/** What the records of a batch for the performance topic say. @param prefixLength framing bytes to skip */
export function performanceIn(prefixLength: number, { count, buffer, valueStart, valueLength }: OutputRecords): PerformanceStatistics[] {
  return Array.from({ length: count }, (_, i) =>
    decodePerformanceStatistics(prefixLength, buffer.subarray(valueStart[i]!, valueStart[i]! + valueLength[i]!)),
  );
}

/** Reads records of the performance topic. */
export const performanceReader: RecordReader<PerformanceStatistics> = recordReader(performanceStatisticsType);

function finiteOnly(measures: object): object {
  const entries = Object.entries(measures) as [string, unknown][];
  return Object.fromEntries(entries.map(([key, value]) => [key, typeof value === 'number' && !Number.isFinite(value) ? null : value]));
}
