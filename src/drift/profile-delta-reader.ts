import { AvroReader } from './avro-reader.ts';
import { type CellLayout, isNumeric } from './cells.ts';
import type { FeatureDelta, PaneDelta, ProfileDelta } from './profile-delta.ts';

/**
 * Reads the value of a profiles record.
 * @param prefix the framing bytes that a value must begin with
 * @throws RangeError when the bytes are not a delta of exactly our schema
 */
export function decodeProfileDelta(prefix: Buffer, bytes: Buffer, start: number, length: number): ProfileDelta {
  const end = start + length;
  if (length < prefix.length || prefix.compare(bytes, start, start + prefix.length) !== 0) {
    throw new RangeError('the value was written with another schema or framing');
  }
  const reader = new AvroReader(bytes, start + prefix.length, end);
  // In the order of schemas/drift-profile.avsc; object literals are evaluated in order.
  const delta: ProfileDelta = {
    model: reader.string(),
    modelVersion: reader.string(),
    referenceId: reader.string(),
    workerId: reader.string(),
    segmentId: reader.string(),
    generation: reader.long(),
    openedAt: reader.long(),
    startOffset: reader.count(),
    isElsewhere: reader.boolean(),
    committedOffset: reader.count(),
    inputTopic: reader.string(),
    inputPartition: reader.count(),
    fromOffset: reader.count(),
    toOffset: reader.count(),
    part: reader.count(),
    parts: reader.count(),
    atEnd: reader.boolean(),
    maxEventTime: reader.long(),
    emittedAt: reader.long(),
    deadLetters: reader.count(),
    skipped: reader.count(),
    untimed: reader.count(),
    panes: reader.array(() => paneOf(reader)),
  };
  if (!reader.isAtEnd) throw new RangeError('the value has bytes left over');
  return delta;
}

function paneOf(reader: AvroReader): PaneDelta {
  return {
    start: reader.long(),
    durationMs: reader.count(),
    events: reader.count(),
    features: reader.array(() => featureOf(reader)),
    rejected: reader.count(),
  };
}

function featureOf(reader: AvroReader): FeatureDelta {
  return {
    missing: reader.count(),
    infinite: reader.count(),
    belowDomain: reader.count(),
    aboveDomain: reader.count(),
    standIns: reader.count(),
    storeMiss: reader.count(),
    storeStale: reader.count(),
    storeUnavailable: reader.count(),
    lowest: reader.nullableDouble(),
    highest: reader.nullableDouble(),
    cells: reader.array(() => reader.count()),
    counts: reader.array(() => reader.count()),
    sums: reader.array(() => reader.long()),
    typeMismatches: reader.count(),
    skewCompared: reader.count(),
    skewMismatched: reader.count(),
  };
}

/**
 * Holds a delta against the reference profile and the windows: cells exist, every scored row is in one cell or is
 * missing or infinite, and every pane lies within one window of each size.
 * @throws RangeError
 */
export function checkProfileDelta(
  delta: ProfileDelta,
  layout: CellLayout,
  isWithinWindows: (startMs: number, endMs: number) => boolean,
): void {
  if (delta.toOffset < delta.fromOffset || delta.fromOffset < delta.startOffset) throw new RangeError('its offsets run backwards');
  if (delta.part >= delta.parts) throw new RangeError('it has more parts than it says');
  for (const pane of delta.panes) {
    if (pane.durationMs < 1 || !isWithinWindows(pane.start, pane.start + pane.durationMs)) {
      throw new RangeError('a pane does not lie within one window; drift.pane must divide drift.windows for all workers alike');
    }
    if (pane.features.length !== layout.features.length) throw new RangeError('the number of features differs from the reference');
    for (const [index, feature] of pane.features.entries()) {
      const { count, reference } = layout.features[index]!;
      const { cells, counts, sums } = feature;
      if (counts.length !== cells.length || sums.length !== (isNumeric(reference) ? cells.length : 0)) {
        throw new RangeError('cells, counts and sums differ in length');
      }
      if (cells.some((cell, i) => cell >= count || (i > 0 && cell <= cells[i - 1]!))) throw new RangeError('a cell does not exist');
      const n = counts.reduce((a, b) => a + b, feature.missing + feature.infinite);
      if (feature.typeMismatches > pane.events + pane.rejected)
        throw new RangeError('a feature has more wrong types than its pane has rows');
      if (feature.skewCompared > pane.events || feature.skewMismatched > feature.skewCompared) {
        throw new RangeError('a feature has more comparisons than its pane has rows');
      }
      if (n !== pane.events) throw new RangeError('the counts of a feature do not add up to the rows of its pane');
    }
  }
}
