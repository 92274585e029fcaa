/** From predictions and labels to performance deltas and what a merger publishes of them. */
import { OutputRecords } from '../../../../src/core/outputs.ts';
import type { RecordBatch } from '../../../../src/core/records.ts';
import { countLabel, countPrediction } from '../../../../src/drift/performance/counting.ts';
import { performanceLayoutOf } from '../../../../src/drift/performance/layout.ts';
import {
  encodePerformanceDelta,
  layoutName,
  type PerformanceDelta,
  type PerformancePane,
  performanceKey,
} from '../../../../src/drift/performance/performance-delta.ts';
import { decodePerformanceStatistics, type PerformanceStatistics } from '../../../../src/drift/performance/performance-record.ts';
import { referencePerformanceOf } from '../../../../src/drift/performance/reference.ts';
import type { MergerOptions } from '../../../../src/drift/merger.ts';
import type { ReferenceProfile } from '../../../../src/drift/reference-profile.ts';
import { MODEL, PREFIX, randomFrom, referenceOf } from '../support.ts';

export const HOUR_MS = 3_600_000;
/** An hour, and a day. */
export const START_MS = 1_700_006_400_000;
export const DELTA_PREFIX = Buffer.from([0, 0, 0, 0, 9]);

const task = { kind: 'binary', threshold: 0.5 } as const;

/** Scores as the truth has them, or the more wrong the nearer `noise` is to 1. */
function outcomes(random: () => number, count: number, noise: number): { scores: Float32Array; truths: Float32Array } {
  const scores = Float32Array.from({ length: count }, () => random() ** 2);
  const truths = scores.map((score) => (random() < (random() < noise ? 0.33 : score) ? 1 : 0));
  return { scores, truths };
}

const unlabelled = referenceOf(4_000);
export const labelledReference: ReferenceProfile = {
  ...unlabelled,
  performance: referencePerformanceOf(unlabelled.prediction, task, { ...outcomes(randomFrom(3), 20_000, 0), predicted: undefined })!,
};
export const layout = performanceLayoutOf(labelledReference, task);

/** A pane of predictions, of which the first `labelled` have their label. */
export function paneOf({
  start,
  count,
  labelled = count,
  noise = 0,
  seed = 1,
  arm = 'champion',
  from = 0,
  partition = 0,
}: {
  start: number;
  count: number;
  labelled?: number;
  noise?: number;
  seed?: number;
  arm?: string;
  from?: number;
  partition?: number;
}): PerformancePane {
  const dense = new Float64Array(layout.size);
  const { scores, truths } = outcomes(randomFrom(seed), count, noise);
  for (const [i, score] of scores.entries()) {
    countPrediction(layout, dense, score);
    if (i < labelled) countLabel(layout, dense, { score, predicted: 0, truth: truths[i]!, delayMs: 100_000 }, 1);
  }
  const cells = Array.from(dense.keys()).filter((cell) => dense[cell] !== 0);
  const inputs = [{ topic: 'in', partition, fromOffset: from, toOffset: from + count }];
  return { start, durationMs: 60_000, arm, cells, sums: cells.map((cell) => dense[cell]!), inputs };
}

export function deltaOf(panes: readonly PerformancePane[], change: Partial<PerformanceDelta> = {}): PerformanceDelta {
  const { referenceId } = labelledReference;
  const rest = { referenceId, layout: layoutName(layout), predictionsPartition: 0, emittedAt: 0, panes };
  return { model: MODEL.name, modelVersion: MODEL.version, ...rest, ...change };
}

/** As a record of the profiles topic. */
export function outputOf(delta: PerformanceDelta): OutputRecords {
  const out = new OutputRecords('profiles');
  out.push({ timestampMs: 0, key: Buffer.from(performanceKey(MODEL)), value: encodePerformanceDelta(DELTA_PREFIX, delta) });
  return out;
}

/** A record that says nothing but that time has passed. */
export function tick(): OutputRecords {
  const out = new OutputRecords('profiles');
  out.push({ timestampMs: 0, key: Buffer.from(`${MODEL.name}|${MODEL.version}`), value: null });
  return out;
}

export const performance: NonNullable<MergerOptions['performance']> = {
  layout,
  topic: 'performance',
  prefix: PREFIX,
  deltaPrefix: DELTA_PREFIX,
  ttlMs: 2 * HOUR_MS,
  lingerMs: 0,
  metric: 'auc',
  maxDrop: 0.05,
  minSamples: 500,
};

/** The performance records among what a merger gave out, with their keys and timestamps. */
export function performanceOf(outputs: readonly OutputRecords[]): (PerformanceStatistics & { key: string; atMs: number })[] {
  return outputs
    .filter(({ topic }) => topic === 'performance')
    .flatMap((out) => {
      const bytes = (start: Int32Array, length: Int32Array, i: number): Buffer =>
        Buffer.from(out.buffer.subarray(start[i], start[i]! + length[i]!));
      return Array.from({ length: out.count }, (_, i) => ({
        ...decodePerformanceStatistics(PREFIX.length, bytes(out.valueStart, out.valueLength, i)),
        key: bytes(out.keyStart, out.keyLength, i).toString(),
        atMs: out.timestamps[i]!,
      }));
    });
}

/** Sets the times of a batch to be so far apart. */
export function timed(batch: RecordBatch, everyMs: number, fromMs: number = START_MS): RecordBatch {
  for (let i = 0; i < batch.count; i++) batch.timestamps[i] = fromMs + i * everyMs;
  return batch;
}
