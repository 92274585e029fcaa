import { type RecordReader, recordReader } from './record-reader.ts';
import { driftCountsType } from './schemas.ts';
import type { DriftStatistics } from './statistics-record.ts';
import type { WindowCounts } from './window-counts.ts';

/** One record of the counts topic: `schemas/drift-counts.avsc`. Times are milliseconds since the epoch. */
export type DriftCounts = WindowCounts &
  Pick<DriftStatistics, 'model' | 'modelVersion' | 'referenceId' | 'window' | 'windowStart' | 'windowEnd' | 'revision' | 'final'>;

/** Reads records of the counts topic. */
export const countsReader: RecordReader<DriftCounts> = recordReader(driftCountsType);

/** The framing bytes and the Avro body of a counts record. */
export function encodeDriftCounts(prefix: Buffer, counts: DriftCounts): Buffer {
  return Buffer.concat([prefix, driftCountsType.toBuffer(counts)]);
}
