import { AvroReader } from '../avro-reader.ts';
import { layoutName, type PerformanceDelta, type PerformancePane } from './performance-delta.ts';
import type { PerformanceLayout } from './layout.ts';

/**
 * Reads the value of a performance record of the profiles topic.
 * @param prefix the framing bytes that a value must begin with
 * @throws RangeError when the bytes are not a delta of exactly our schema
 */
export function decodePerformanceDelta(prefix: Buffer, bytes: Buffer, start: number, length: number): PerformanceDelta {
  if (length < prefix.length || prefix.compare(bytes, start, start + prefix.length) !== 0) {
    throw new RangeError('the value was written with another schema or framing');
  }
  const reader = new AvroReader(bytes, start + prefix.length, start + length);
  // In the order of schemas/performance-delta.avsc; object literals are evaluated in order.
  const delta: PerformanceDelta = {
    model: reader.string(),
    modelVersion: reader.string(),
    referenceId: reader.string(),
    layout: reader.string(),
    predictionsPartition: reader.count(),
    emittedAt: reader.long(),
    panes: reader.array(() => paneOf(reader)),
  };
  if (!reader.isAtEnd) throw new RangeError('the value has bytes left over');
  return delta;
}

function paneOf(reader: AvroReader): PerformancePane {
  return {
    start: reader.long(),
    durationMs: reader.count(),
    arm: reader.string(),
    cells: reader.array(() => reader.count()),
    sums: reader.array(() => reader.long()),
    inputs: reader.array(() => ({
      topic: reader.string(),
      partition: reader.count(),
      fromOffset: reader.count(),
      toOffset: reader.count(),
    })),
  };
}

/**
 * Holds a delta of our model and reference against the layout and the windows: cells exist, and every pane lies within one window of each size.
 * @param isWithinWindows true when a stretch of event time lies within one window of each size
 * @throws RangeError
 */
export function checkPerformanceDelta(
  delta: PerformanceDelta,
  layout: PerformanceLayout,
  isWithinWindows: (startMs: number, endMs: number) => boolean,
): void {
  if (delta.layout !== layoutName(layout)) throw new RangeError(`its layout is ${delta.layout}, not ${layoutName(layout)}`);
  for (const { start, durationMs, cells, sums, inputs } of delta.panes) {
    if (durationMs < 1 || !isWithinWindows(start, start + durationMs)) {
      throw new RangeError('a pane does not lie within one window; drift.pane must divide drift.windows for all workers alike');
    }
    if (sums.length !== cells.length) throw new RangeError('cells and sums differ in length');
    if (cells.some((cell, i) => cell >= layout.size || (i > 0 && cell <= cells[i - 1]!))) throw new RangeError('a cell does not exist');
    if (sums.some((sum) => !Number.isSafeInteger(sum))) throw new RangeError('a sum is too large');
    if (inputs.some(({ fromOffset, toOffset }) => toOffset < fromOffset)) throw new RangeError('its offsets run backwards');
  }
}
