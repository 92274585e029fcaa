/**
 * The frame of a fetch response, versions 4 to 11 (`Fetch API` in Kafka's protocol guide): everything but the records.
 *
 *   throttle time (int32) · v7: error (int16), session id (int32) · topics: name (string) · partitions:
 *   partition (int32) · error (int16) · high watermark (int64) · last stable offset (int64) · v5: log start offset (int64) ·
 *   aborted transactions (nullable array): producer id (int64), first offset (int64) · v11: preferred read replica (int32) ·
 *   records (nullable bytes)
 */
import { WeirError } from '../../core/errors.ts';
import type { AbortedTransaction } from './aborted.ts';

/** One partition of a fetch response; its record set lies in the bytes `start` to `end`. */
export interface PartitionResponse {
  readonly topic: string;
  readonly partition: number;
  /** 0: none. */
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  /** −1 before version 5. */
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Node to fetch from instead (KIP-392); −1: this one. */
  readonly preferredReadReplica: number;
  readonly start: number;
  readonly end: number;
}

/** A fetch response without its records. */
export interface FetchResponse {
  /** Error of the whole request; 0: none. */
  readonly errorCode: number;
  readonly partitions: readonly PartitionResponse[];
}

const SESSION_VERSION = 7;
const LOG_START_VERSION = 5;
const PREFERRED_REPLICA_VERSION = 11;

/**
 * Reads the frame of a fetch response.
 * @param version of the request
 * @throws WeirError `record_batch_corrupt` when a size in it reaches beyond its end
 */
export function readFetchResponse(payload: Buffer, version: number): FetchResponse {
  const reader = new Reader(payload);
  reader.skip(4);
  let errorCode = 0;
  if (version >= SESSION_VERSION) {
    errorCode = reader.int16();
    reader.skip(4);
  }
  const partitions: PartitionResponse[] = [];
  for (let topics = reader.count(); topics > 0; topics--) {
    const topic = reader.string();
    for (let left = reader.count(); left > 0; left--) partitions.push(readPartition(reader, topic, version));
  }
  return { errorCode, partitions };
}

function readPartition(reader: Reader, topic: string, version: number): PartitionResponse {
  const head = {
    topic,
    partition: reader.int32(),
    errorCode: reader.int16(),
    highWatermark: reader.int64(),
    lastStableOffset: reader.int64(),
    logStartOffset: version >= LOG_START_VERSION ? reader.int64() : -1,
  };
  const aborted: AbortedTransaction[] = [];
  for (let left = reader.count(); left > 0; left--) aborted.push({ producerId: reader.bigInt64(), firstOffset: reader.int64() });
  const preferredReadReplica = version >= PREFERRED_REPLICA_VERSION ? reader.int32() : -1;
  const size = reader.count();
  const start = reader.skip(size);
  return { ...head, aborted, preferredReadReplica, start, end: start + size };
}

/** Reads forward; every step is checked against the end. */
class Reader {
  private readonly buffer: Buffer;
  private at = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  /** Moves on and returns where it was. */
  skip(size: number): number {
    const at = this.at;
    if (size > this.buffer.length - at) {
      throw new WeirError(
        'record_batch_corrupt',
        `A fetch response of ${this.buffer.length} bytes ends within a field of ${size} at ${at}.`,
      );
    }
    this.at += size;
    return at;
  }

  int16(): number {
    return this.buffer.readInt16BE(this.skip(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.skip(4));
  }

  /** Exact below 2^53. */
  int64(): number {
    const at = this.skip(8);
    return this.buffer.readInt32BE(at) * 4_294_967_296 + this.buffer.readUInt32BE(at + 4);
  }

  bigInt64(): bigint {
    return this.buffer.readBigInt64BE(this.skip(8));
  }

  /** Of an array or of bytes; −1 is null, which is as good as empty here. */
  count(): number {
    return Math.max(0, this.int32());
  }

  string(): string {
    const size = Math.max(0, this.int16());
    const at = this.skip(size);
    return this.buffer.toString('utf8', at, at + size);
  }
}
