/** Logs of predictions and labels, and what must come of them. */
import avsc from 'avsc';
import { readOwnSchema } from '../../../src/core/own-schemas.ts';
import { fixedPanes } from '../../../src/core/window-size.ts';
import type { RecordBatch } from '../../../src/core/records.ts';
import { countLabel, countPrediction } from '../../../src/drift/performance/counting.ts';
import { type PerformanceLayout, performanceLayoutOf } from '../../../src/drift/performance/layout.ts';
import type { PerformancePane } from '../../../src/drift/performance/performance-delta.ts';
import type { LabelColumns } from '../../../src/labels/label-columns.ts';
import type { LabelJoinOptions } from '../../../src/labels/join-types.ts';
import { LabelJoin } from '../../../src/labels/label-join.ts';
import { recordBatch } from '../../support/records.ts';

const predictionType = avsc.Type.forSchema(readOwnSchema('prediction') as never, { wrapUnions: false });

/** A model with probabilities in eight bins. */
export const LAYOUT: PerformanceLayout = performanceLayoutOf(
  { prediction: { edges: [0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 0.9], std: 0.25, mean: 0.4 } as never },
  { kind: 'binary', threshold: 0.5 },
);

export const PANE_MS = 60_000;
export const TTL_MS = 3_600_000;

/** A prediction as the topic has it. Partition and offset are those of the event; the prediction's own offset is its place in the log. */
export interface MadePrediction {
  readonly key: string | null;
  readonly inputOffset: number;
  readonly timeMs: number;
  readonly score: number;
  readonly version?: string;
}

/** A label as the topic has it. */
export interface MadeLabel {
  readonly id: string;
  readonly truth: number;
  readonly timeMs: number;
}

export function optionsOf(overrides: Partial<LabelJoinOptions> = {}): LabelJoinOptions {
  return {
    model: { name: 'm', version: '1' },
    prefixLength: 0,
    layout: LAYOUT,
    match: 'key',
    ttlMs: TTL_MS,
    maxPredictions: 100_000,
    grid: fixedPanes(PANE_MS),
    ...overrides,
  };
}

export const idOf = (partition: number, { inputOffset }: Pick<MadePrediction, 'inputOffset'>): string =>
  `in-put-${partition}-${inputOffset}`;

/** Offsets `from` … of a partition of the predictions. */
export function predictionBatch(partition: number, log: readonly MadePrediction[], from: number, to: number): RecordBatch {
  const records = log.slice(from, to).map((made) => ({
    key: made.key === null ? null : Buffer.from(made.key),
    timestampMs: made.timeMs + 5,
    value: predictionType.toBuffer({
      predictionId: idOf(partition, made),
      model: 'm',
      modelVersion: made.version ?? '1',
      arm: 'champion',
      entityKey: made.key,
      eventTime: made.timeMs,
      scoredAt: made.timeMs + 5,
      score: made.score,
      label: made.score >= 0.5 ? 'yes' : 'no',
      outputs: { more: [1, 2] },
      status: 'OK',
      degradedFeatures: [],
      source: { topic: 'in-put', partition, offset: made.inputOffset },
    }),
  }));
  return recordBatch(records, { topic: 'predictions', partition, firstOffset: from });
}

/** Offsets `from` … of a partition of the labels, decoded. */
export function labelColumns(partition: number, log: readonly MadeLabel[], from: number, to: number): LabelColumns {
  const made = log.slice(from, to);
  const records = recordBatch(
    made.map(({ id, timeMs }) => ({ key: Buffer.from(id), value: Buffer.from('x'), timestampMs: timeMs })),
    { topic: 'labels', partition, firstOffset: from },
  );
  return {
    records,
    from: 0,
    count: made.length,
    position: from,
    idBuffer: records.buffer,
    idStart: records.keyStart,
    idLength: records.keyLength,
    truth: Float64Array.from(made, ({ truth }) => truth),
    timeMs: Float64Array.from(made, ({ timeMs }) => timeMs),
  };
}

/** Sums by pane, `start → cells`: adds what a join has counted. */
export function addPanes(into: Map<number, Float64Array>, records: readonly (readonly PerformancePane[])[]): void {
  for (const { start, cells, sums } of records.flat()) {
    let pane = into.get(start);
    if (!pane) into.set(start, (pane = new Float64Array(LAYOUT.size)));
    for (const [i, cell] of cells.entries()) pane[cell]! += sums[i]!;
  }
}

/** What must come of whole logs, computed naively: of each prediction the last label that is near enough. */
export function expectedPanes(
  predictions: ReadonlyMap<number, readonly MadePrediction[]>,
  labels: ReadonlyMap<number, readonly MadeLabel[]>,
  match: 'key' | 'predictionId' = 'key',
): Map<number, Float64Array> {
  const panes = new Map<number, Float64Array>();
  for (const [partition, log] of predictions) {
    const seen = new Set<number>();
    for (const made of log) {
      const { timeMs, score, inputOffset } = made;
      if ((made.version ?? '1') !== '1' || seen.has(inputOffset)) continue;
      if (made.key !== null) seen.add(inputOffset);
      const start = Math.floor(timeMs / PANE_MS) * PANE_MS;
      const cells = panes.get(start) ?? new Float64Array(LAYOUT.size);
      panes.set(start, cells);
      countPrediction(LAYOUT, cells, score);
      const id = match === 'key' ? made.key : idOf(partition, made);
      // The last of each partition, and of these the one that was written last, else that of the last partition.
      const last = [...labels.values()].flatMap(
        (labelLog) => labelLog.findLast((other) => other.id === id && Math.abs(other.timeMs - timeMs) <= TTL_MS) ?? [],
      );
      const label = last.sort((a, b) => a.timeMs - b.timeMs).at(-1);
      if (label) countLabel(LAYOUT, cells, { score, predicted: 0, truth: label.truth, delayMs: label.timeMs - timeMs }, 1);
    }
  }
  return panes;
}

export { LabelJoin };
