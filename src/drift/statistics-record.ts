import type { OutputRecords } from '../core/outputs.ts';
import type { FeatureStatistics, WindowDecision } from './decision.ts';
import { type RecordReader, recordReader } from './record-reader.ts';
import type { ReferenceKind } from '../core/reference-kinds.ts';
import { driftStatisticsType } from './schemas.ts';

/** What to do: to train anew while an alert stands. */
export type DriftRecommendation = 'continue_monitoring' | 'retrain_model';

/** What a record says of one feature. */
export interface PublishedFeature extends FeatureStatistics {
  /** Raised by drift in two of three windows, cleared by three calm ones. */
  readonly alert: boolean;
}

/** One record of the statistics topic: `schemas/drift-statistics.avsc`. Times are milliseconds since the epoch. */
export interface DriftStatistics {
  model: string;
  modelVersion: string;
  referenceId: string;
  /** Name of the size of the window: `1h`, `month`. */
  window: string;
  windowStart: number;
  windowEnd: number;
  revision: number;
  final: boolean;
  events: number;
  partitionsSeen: number;
  partitionsExpected: number | null;
  alpha: number;
  status: WindowDecision['status'];
  overallDrift: boolean;
  driftedFeatures: number;
  driftedFeatureNames: string[];
  driftShare: number;
  recommendation: DriftRecommendation;
  /** Features (without the score) whose alert stands. */
  alertedFeatureNames: string[];
  features: PublishedFeature[];
  prediction: PublishedFeature;
  coverage: number;
  gaps: number;
  gapOffsets: number;
  duplicatesDropped: number;
  rejected: number;
  /** Which comparison status, alerts and recommendation follow from. */
  referenceKind: ReferenceKind;
}

/** Compaction key of a window's statistics. */
export function statisticsKey(statistics: Pick<DriftStatistics, 'model' | 'modelVersion' | 'window' | 'windowStart'>): string {
  const { model, modelVersion, window, windowStart } = statistics;
  return `${model}|${modelVersion}|${window}|${windowStart}`;
}

/** The framing bytes and the Avro body of a statistics record. Numbers that are not finite become null. */
export function encodeDriftStatistics(prefix: Buffer, statistics: DriftStatistics): Buffer {
  const features = statistics.features.map(finiteOnly);
  return Buffer.concat([prefix, driftStatisticsType.toBuffer({ ...statistics, features, prediction: finiteOnly(statistics.prediction) })]);
}

/**
 * Reads a statistics record of this version.
 * @param prefixLength framing bytes to skip
 * @throws Error when the bytes are not a statistics record; for topics that weir itself writes
 */
export function decodeDriftStatistics(prefixLength: number, value: Buffer): DriftStatistics {
  return driftStatisticsType.fromBuffer(value.subarray(prefixLength)) as DriftStatistics;
}

/** Reads records of the statistics topic. */
export const statisticsReader: RecordReader<DriftStatistics> = recordReader(driftStatisticsType);

/** What the records of a batch for the statistics topic say. @param prefixLength framing bytes to skip */
export function statisticsIn(prefixLength: number, { count, buffer, valueStart, valueLength }: OutputRecords): DriftStatistics[] {
  return Array.from({ length: count }, (_, i) =>
    decodeDriftStatistics(prefixLength, buffer.subarray(valueStart[i]!, valueStart[i]! + valueLength[i]!)),
  );
}

function finiteOnly(feature: PublishedFeature): PublishedFeature {
  const entries = Object.entries(feature).map(([key, value]) => [key, typeof value === 'number' && !Number.isFinite(value) ? null : value]);
  return Object.fromEntries(entries) as PublishedFeature;
}
