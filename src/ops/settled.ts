import type { Counter } from 'prom-client';
import { RECORD_ERROR_CODES } from '../core/errors.ts';
import type { PipelineMetrics } from '../core/ports.ts';
import {
  GROUP_HIT,
  GROUP_MISS,
  GROUP_STALE,
  GROUP_UNAVAILABLE,
  type Rows,
  STATUS_OK,
  STATUS_SKIPPED,
  STATUS_WITHDRAWN,
} from '../core/rows.ts';
import type { BulkHistogram } from './bulk-histogram.ts';

/** Metrics that a settled micro-batch moves. */
export interface SettledMetrics {
  readonly model: { readonly name: string; readonly version: string };
  readonly predictions: Counter;
  readonly latency: BulkHistogram;
  readonly score: BulkHistogram;
  readonly consumed: Counter;
  readonly skipped: Counter;
  readonly deadLetters: Counter;
  readonly degraded: Counter;
  readonly storeMisses: Counter;
}

const GROUP_STATE_NAMES: readonly [number, string][] = [
  [GROUP_MISS, 'miss'],
  [GROUP_STALE, 'stale'],
  [GROUP_UNAVAILABLE, 'unavailable'],
];

/**
 * Counts a durable micro-batch. Per batch: one counter call for each label value that occurs, one latency observation
 * for each slice (its records arrived together). Per row: one look at the status, one at the degraded bits, one at each
 * group's state and a bucket for the score.
 */
export function createSettledCounter(metrics: SettledMetrics): PipelineMetrics['settled'] {
  const { name: model, version: model_version } = metrics.model;
  const latency = metrics.latency.of(model, model_version);
  const score = metrics.score.of(model, model_version);
  const ok = { model, model_version, status: 'ok' };
  const degraded = { model, model_version, status: 'degraded' };
  metrics.predictions.inc(ok, 0);
  metrics.predictions.inc(degraded, 0);
  /** Rows per status; cleared after each batch. */
  const byStatus = new Float64Array(256);
  const byState = new Float64Array(256);

  return (rows, scores, nowMonotonicMs) => {
    for (const { records, from, to, fromRow } of rows.slices) {
      const sliceRows = to - from;
      // Withdrawn rows are withdrawn by the slice; another worker settles and counts them.
      if (rows.status[fromRow] === STATUS_WITHDRAWN) continue;
      metrics.consumed.inc({ topic: records.topic }, sliceRows);
      const predicted = rows.failed === 0 ? sliceRows : countOk(rows, fromRow, fromRow + sliceRows);
      if (predicted > 0) latency.add(Math.max(0, nowMonotonicMs - records.arrivedAtMs) / 1_000, predicted);
      if (rows.failed > 0) countSkipped(metrics.skipped, rows, records.topic, fromRow, sliceRows);
    }
    score.addRows(scores.score, rows.status, rows.count);
    const degradedRows = countDegraded(rows);
    const okRows = rows.count - rows.failed;
    if (okRows > degradedRows) metrics.predictions.inc(ok, okRows - degradedRows);
    if (degradedRows > 0) {
      metrics.predictions.inc(degraded, degradedRows);
      metrics.degraded.inc(degradedRows);
    }
    if (rows.failed > 0) {
      for (let row = 0; row < rows.count; row++) byStatus[rows.status[row]!]!++;
      for (const [index, code] of RECORD_ERROR_CODES.entries()) {
        const failed = byStatus[index + 1]!;
        if (failed > 0) metrics.deadLetters.inc({ code }, failed);
      }
      byStatus.fill(0);
    }
    for (const { index, name: group } of rows.layout.groups) {
      const lane = rows.groupState[index]!;
      let misses = 0;
      for (let row = 0; row < rows.count; row++) if (lane[row] !== GROUP_HIT) misses++;
      if (misses === 0) continue;
      for (let row = 0; row < rows.count; row++) byState[lane[row]!]!++;
      for (const [state, name] of GROUP_STATE_NAMES)
        if (byState[state]! > 0) metrics.storeMisses.inc({ group, state: name }, byState[state]!);
      byState.fill(0);
    }
  };
}

function countOk(rows: Rows, from: number, to: number): number {
  let found = 0;
  for (let row = from; row < to; row++) if (rows.status[row] === STATUS_OK) found++;
  return found;
}

function countSkipped(skipped: Counter, rows: Rows, topic: string, from: number, count: number): void {
  let found = 0;
  for (let row = from; row < from + count; row++) if (rows.status[row] === STATUS_SKIPPED) found++;
  if (found > 0) skipped.inc({ topic }, found);
}

function countDegraded(rows: Rows): number {
  const { degraded, status, count } = rows;
  const words = rows.layout.degradedWords;
  let found = 0;
  for (let row = 0; row < count; row++) {
    if (status[row] !== STATUS_OK) continue;
    for (let w = row * words; w < (row + 1) * words; w++) {
      if (degraded[w] !== 0) {
        found++;
        break;
      }
    }
  }
  return found;
}
