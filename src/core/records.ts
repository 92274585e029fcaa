/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/**
 * Consecutive records of one topic-partition as columns over one buffer: what a `Source` hands out.
 * Positions are bytes in `buffer`. Nothing in it is an object per record, and nothing knows of a Kafka client.
 * Columns may be longer than `count`, and hold other records once the batch is released.
 */
export interface RecordBatch extends TopicPartition {
  /** Number of records. */
  readonly count: number;
  /** Holds keys, values and headers; other bytes once the batch is released. */
  readonly buffer: Buffer;
  /** Offset of each record (exact below 2^53). */
  readonly offsets: Float64Array;
  /** Record timestamp (CreateTime or LogAppendTime), milliseconds since the epoch. */
  readonly timestamps: Float64Array;
  readonly keyStart: Int32Array;
  /** −1: the record has no key. */
  readonly keyLength: Int32Array;
  readonly valueStart: Int32Array;
  /** −1: tombstone. */
  readonly valueLength: Int32Array;
  /** Headers as in a Kafka v2 record: zigzag varint count, then per header key length, key, value length, value. */
  readonly headerStart: Int32Array;
  /** 0: no headers. */
  readonly headerLength: Int32Array;
  /** Which assignment of the partition this belongs to; grows with every assignment that did not continue the last. */
  readonly epoch: number;
  /** The position after this batch: what to commit when every record of it is settled (KIP-98: control records take offsets too). */
  readonly nextOffset: number;
  /** The first offset that could not be read yet when this was fetched (of a topic: the last stable offset); with `nextOffset` it gives the lag. */
  readonly endOffset: number;
  /** Monotonic time of arrival, for `maxDelayMs`. */
  readonly arrivedAtMs: number;
  /** Bytes of all keys, values and headers, for back-pressure. */
  readonly bytes: number;
}

/** Rows `fromRow` … `fromRow + (to − from) − 1` of a micro-batch are the records `from` … `to − 1` of a record batch. */
export interface RecordSlice {
  readonly records: RecordBatch;
  readonly from: number;
  readonly to: number;
  readonly fromRow: number;
}

/** All records of a batch as one slice. */
export function wholeOf(records: RecordBatch): RecordSlice {
  return { records, from: 0, to: records.count, fromRow: 0 };
}

/** Bytes of keys, values and headers of the records `from` … `to − 1`; sums to `RecordBatch.bytes` over all of them. */
export function bytesOf({ keyLength, valueLength, headerLength }: RecordColumnsLike, from: number, to: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += Math.max(0, keyLength[i]!) + Math.max(0, valueLength[i]!) + headerLength[i]!;
  return bytes;
}

/** Bytes of the records of a slice. */
export function bytesOfSlice({ records, from, to }: RecordSlice): number {
  return to - from === records.count ? records.bytes : bytesOf(records, from, to);
}

type RecordColumnsLike = Pick<RecordBatch, 'keyLength' | 'valueLength' | 'headerLength'>;

/** How far a partition has been settled: the next offset to read. */
export interface Position extends TopicPartition {
  readonly epoch: number;
  readonly nextOffset: number;
}

/** How a stretch of an assignment of a partition began: with the assignment, with a rebalance that left it, or with a jump. */
export interface AssignmentOrigin {
  readonly epoch: number;
  /** Position at which it began: what the group had committed, or where a partition without a commit begins. */
  readonly startOffset: number;
  /** Generation of the consumer group that gave it, or let it go on; −1: there is no group. */
  readonly generation: number;
  /** Wall time, milliseconds since the epoch; later than that of every earlier one of this process. */
  readonly beganAtMs: number;
  /** True when the position was not in the log any more, and this began elsewhere: what lies there was never read, whatever its offsets. */
  readonly isElsewhere: boolean;
}

/** Of a source without a consumer group, which begins at 0 and is never anybody else's. */
export const ORIGIN_WITHOUT_GROUP: AssignmentOrigin = { epoch: 1, startOffset: 0, generation: -1, beganAtMs: 0, isElsewhere: false };

/** The position reached when the records of a slice are settled. */
export function positionAfter(slice: RecordSlice): Position {
  const { records, to } = slice;
  const nextOffset = to === records.count ? records.nextOffset : records.offsets[to]!;
  return { topic: records.topic, partition: records.partition, epoch: records.epoch, nextOffset };
}
