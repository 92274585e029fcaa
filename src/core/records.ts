/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/**
 * Consecutive records of one topic-partition as columns over one buffer: what a `Source` hands out.
 * Positions are bytes in `buffer`. Nothing in it is an object per record, and nothing knows of a Kafka client.
 */
export interface RecordBatch extends TopicPartition {
  /** Number of records. */
  readonly count: number;
  /** Holds keys, values and headers. */
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
  /** First offset not yet readable when this was fetched; with `nextOffset` it gives the lag. */
  readonly highWatermark: number;
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

/** How far a partition has been settled: the next offset to read. */
export interface Position extends TopicPartition {
  readonly epoch: number;
  readonly nextOffset: number;
}

/** The position reached when the records of a slice are settled. */
export function positionAfter(slice: RecordSlice): Position {
  const { records, to } = slice;
  const nextOffset = to === records.count ? records.nextOffset : records.offsets[to]!;
  return { topic: records.topic, partition: records.partition, epoch: records.epoch, nextOffset };
}
