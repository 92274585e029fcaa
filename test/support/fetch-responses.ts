/**
 * Record batches and fetch responses made by hand, from the protocol's description alone, and a broker that answers with
 * them. Nothing of `src/kafka` takes part but the types.
 */
import { createRequire } from 'node:module';
import type { FetchBroker } from '../../src/kafka/protocol/columnar-fetch.ts';

const require = createRequire(import.meta.url);
const crcOfKafkajs = require('kafkajs/src/protocol/recordBatch/crc32C') as (buffer: Buffer) => number;
const { requests, lookup } = require('kafkajs/src/protocol/requests') as {
  requests: {
    Fetch: {
      protocol(options: { version: number }): (options: object) => { response: { decode(payload: Buffer): Promise<StockResponse> } };
    };
  };
  lookup: (versions: object) => FetchBroker['lookupRequest'];
};

export interface StockMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, Buffer | null | (Buffer | null)[]>;
}

interface StockResponse {
  readonly responses: { topicName: string; partitions: { partition: number; messages: StockMessage[] }[] }[];
}

export interface MadeRecord {
  /** Default: its place in the batch. */
  readonly offsetDelta?: number;
  readonly timestampDelta?: number;
  readonly key?: Buffer | null;
  readonly value?: Buffer | null;
  readonly headers?: readonly (readonly [string, Buffer | null])[];
}

export interface MadeBatch {
  readonly baseOffset?: number;
  readonly records: readonly MadeRecord[];
  /** Default: that of the last record. */
  readonly lastOffsetDelta?: number;
  /** Codec and flags: 8 LogAppendTime, 16 transactional, 32 control. */
  readonly attributes?: number;
  readonly baseTimestamp?: number;
  readonly maxTimestamp?: number;
  readonly producerId?: bigint;
  /** What stands after the header instead of the records, such as compressed ones. */
  readonly body?: Buffer;
  /** Number of records in the header, when it lies. */
  readonly count?: number;
}

/** Zigzag varint of up to 64 bits. */
export function varint(value: number): Buffer {
  let bits = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; bits > 127n; bits >>= 7n) bytes.push(Number(bits & 127n) | 128);
  return Buffer.from([...bytes, Number(bits)]);
}

const sized = (bytes: Buffer | null): Buffer => (bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]));

export function recordsBytes(records: readonly MadeRecord[]): Buffer {
  return Buffer.concat(
    records.map(({ offsetDelta, timestampDelta = 0, key = null, value = null, headers = [] }, i) =>
      sized(
        Buffer.concat([
          Buffer.from([0]),
          varint(timestampDelta),
          varint(offsetDelta ?? i),
          sized(key),
          sized(value),
          varint(headers.length),
          ...headers.flatMap(([name, content]) => [sized(Buffer.from(name)), sized(content)]),
        ]),
      ),
    ),
  );
}

/** A record batch of format 2 with a correct checksum. */
export function recordBatch(made: MadeBatch): Buffer {
  const { baseOffset = 0, records, attributes = 0, baseTimestamp = 1_700_000_000_000, producerId = -1n } = made;
  const body = made.body ?? recordsBytes(records);
  const batch = Buffer.alloc(61 + body.length);
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  batch.writeInt32BE(49 + body.length, 8);
  batch[16] = 2;
  batch.writeInt16BE(attributes, 21);
  batch.writeInt32BE(made.lastOffsetDelta ?? records.at(-1)?.offsetDelta ?? records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(baseTimestamp), 27);
  batch.writeBigInt64BE(BigInt(made.maxTimestamp ?? baseTimestamp), 35);
  batch.writeBigInt64BE(producerId, 43);
  batch.writeInt32BE(made.count ?? records.length, 57);
  body.copy(batch, 61);
  return resealed(batch);
}

/** Gives a batch that was tampered with a correct checksum. */
export function resealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crcOfKafkajs(batch.subarray(21)) >>> 0, 17);
  return batch;
}

/** The end of a transaction. */
export function marker(baseOffset: number, producerId: bigint, type: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]);
  return recordBatch({ baseOffset, producerId, attributes: 48, records: [{ key, value: Buffer.alloc(6) }] });
}

export interface MadePartition {
  readonly topic?: string;
  readonly partition?: number;
  readonly errorCode?: number;
  readonly aborted?: readonly (readonly [producerId: bigint, firstOffset: number])[] | null;
  readonly preferredReadReplica?: number;
  readonly records: Buffer | null;
}

const int = (bytes: 2 | 4, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
};
const long = (value: number | bigint): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(value));
  return buffer;
};

/** A fetch response of versions 4 to 11: throttle time 7 ms, high watermark 1,000,000, last stable offset 999,999, log start 3. */
export function fetchResponse(version: number, partitions: readonly MadePartition[], errorCode = 0): Buffer {
  return Buffer.concat([
    int(4, 7),
    ...(version >= 7 ? [int(2, errorCode), int(4, 0)] : []),
    int(4, partitions.length),
    ...partitions.flatMap(({ topic = 't', partition = 0, aborted = [], records, ...made }) => [
      int(2, Buffer.byteLength(topic)),
      Buffer.from(topic),
      int(4, 1),
      int(4, partition),
      int(2, made.errorCode ?? 0),
      long(1_000_000),
      long(999_999),
      ...(version >= 5 ? [long(3)] : []),
      int(4, aborted === null ? -1 : aborted.length),
      ...(aborted ?? []).flatMap(([producerId, firstOffset]) => [long(producerId), long(firstOffset)]),
      ...(version >= 11 ? [int(4, made.preferredReadReplica ?? -1)] : []),
      records === null ? int(4, -1) : Buffer.concat([int(4, records.length), records]),
    ]),
  ]);
}

export interface AnsweringBroker extends FetchBroker {
  /** Requests as they would have gone out, encoded. */
  readonly sent: Buffer[];
  throttledMs: number | undefined;
  disconnects: number;
}

/** A broker that speaks up to `version` and answers every fetch with `answer`, or fails with it. */
export function answering(version: number, answer: Buffer | Error): AnsweringBroker {
  interface Request {
    request: { encode(): Promise<{ buffer: Buffer }> };
    response: { decode(payload: Buffer): Promise<{ clientSideThrottleTime?: number }>; parse(decoded: object): Promise<unknown> };
  }
  const broker: AnsweringBroker = {
    sent: [],
    throttledMs: undefined,
    disconnects: 0,
    lookupRequest: lookup({ 1: { minVersion: 0, maxVersion: version } }),
    connectionPool: {
      async send(given) {
        const { request, response } = given as unknown as Request;
        broker.sent.push((await request.encode()).buffer);
        if (answer instanceof Error) throw answer;
        const decoded = await response.decode(answer);
        broker.throttledMs = decoded.clientSideThrottleTime;
        return await response.parse(decoded);
      },
    },
    disconnect: async () => void broker.disconnects++,
  };
  return broker;
}

/** What kafkajs makes of the first partition of a response. */
export async function decodedByStock(version: number, payload: Buffer): Promise<StockMessage[]> {
  const { response } = requests.Fetch.protocol({ version })({ topics: [], maxWaitTime: 0 });
  return (await response.decode(payload)).responses[0]!.partitions[0]!.messages;
}
