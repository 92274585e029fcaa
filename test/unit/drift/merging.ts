/** From data to deltas to published statistics, for the tests of the merger. */
import { ManualClock } from '../../../src/core/clock.ts';
import type { OutputRecords } from '../../../src/core/outputs.ts';
import type { Position } from '../../../src/core/records.ts';
import { type DriftStatistics, decodeDriftStatistics } from '../../../src/drift/index.ts';
import type { Merger, MergerOptions } from '../../../src/drift/merger.ts';
import type { ReferenceProfile } from '../../../src/drift/reference-profile.ts';
import {
  batchOf,
  type Datum,
  datumFrom,
  observerOf,
  mergerOf,
  PREFIX,
  randomFrom,
  referenceOf,
  rowsOf,
  SINK,
  sourceOf,
  START_MS,
} from './support.ts';

export const reference = referenceOf(20_000);
export const HOUR_MS = 3_600_000;
export const WINDOW_START_MS = Math.floor(START_MS / HOUR_MS) * HOUR_MS;

/** Deltas of one partition's data, in as many flushes as there are chunks. */
export function deltasOf(
  chunks: Datum[][],
  options: {
    partition?: number;
    firstOffset?: number;
    workerId?: string;
    reference?: ReferenceProfile;
    endOffset?: number;
    generation?: number;
    /** Positions are committed with the deltas, as in a transaction; else nothing is known of commits. */
    isAtomic?: boolean;
  } = {},
): OutputRecords[] {
  const observer = observerOf({ reference: options.reference ?? reference, ...(options.workerId && { workerId: options.workerId }) });
  let offset = options.firstOffset ?? 0;
  const source = sourceOf({ startOffset: offset, generation: options.generation ?? 1 });
  const sink = options.isAtomic ? { committedWith: ({ nextOffset }: Position) => nextOffset } : SINK;
  return chunks.map((data) => {
    const { rows, scores } = rowsOf([
      {
        partition: options.partition ?? 0,
        firstOffset: offset,
        data,
        ...(options.endOffset === undefined ? {} : { endOffset: options.endOffset }),
      },
    ]);
    offset += data.length;
    observer.observe(rows, scores, source);
    return observer.takeDeltas(true, sink)!;
  });
}

/** `count` data spread over a window. */
export function dataOf(count: number, options: { seed?: number; shift?: number; window?: number } = {}): Datum[] {
  const random = randomFrom(options.seed ?? 77);
  const start = WINDOW_START_MS + (options.window ?? 0) * HOUR_MS;
  return Array.from({ length: count }, (_, i) => ({
    ...datumFrom(random, options.shift ?? 0),
    timeMs: start + Math.floor((i * HOUR_MS) / count),
  }));
}

/** The statistics among what a merger gave out. */
export function statisticsOf(outputs: readonly OutputRecords[]): DriftStatistics[] {
  const batch = batchOf(outputs.filter(({ topic }) => topic === 'statistics'));
  return Array.from({ length: batch.count }, (_, i) =>
    decodeDriftStatistics(
      PREFIX.length,
      Buffer.from(batch.buffer.subarray(batch.valueStart[i], batch.valueStart[i]! + batch.valueLength[i]!)),
    ),
  );
}

/**
 * Reads a batch as the loop does: what it makes final is published before the next record is read.
 * @param atMs timestamp of the records, the time of the log; default: theirs
 * @returns the final statistics
 */
export function feed(merger: Merger, outputs: readonly OutputRecords[], atMs?: number): DriftStatistics[] {
  const batch = batchOf(outputs);
  if (atMs !== undefined) batch.timestamps.fill(atMs);
  const published: DriftStatistics[] = [];
  for (let next = 0; next < batch.count; ) {
    next = merger.apply(batch, next);
    do published.push(...statisticsOf(merger.due('final')));
    while (merger.isClosing);
  }
  return published;
}

/** The bytes of what is final now, one record set after another. */
export function finalBytes(merger: Merger): Buffer[] {
  const values: Buffer[] = [];
  do values.push(...merger.due('final').map(({ buffer, bytes }) => Buffer.from(buffer.subarray(0, bytes))));
  while (merger.isClosing);
  return values;
}

export function keysOf(outputs: OutputRecords): string[] {
  return Array.from({ length: outputs.count }, (_, i) =>
    outputs.buffer.toString('utf8', outputs.keyStart[i], outputs.keyStart[i]! + outputs.keyLength[i]!),
  );
}

/** A merger that has read the deltas. `finals` are the final statistics that it published meanwhile. */
export function merged(
  outputs: OutputRecords[],
  options: Partial<MergerOptions> = {},
): { merger: Merger; clock: ManualClock; finals: DriftStatistics[] } {
  const made = mergerOf(reference, options);
  return { ...made, finals: feed(made.merger, outputs) };
}

export const featureOf = (statistics: DriftStatistics, name: string): DriftStatistics['prediction'] =>
  statistics.features.find((f) => f.name === name)!;
