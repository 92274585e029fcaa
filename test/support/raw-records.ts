import { OutputRecords } from '../../src/core/outputs.ts';
import { OutputProducer } from '../../src/kafka/producer.ts';
import { partitionRanges, readRanges } from '../../src/kafka/topic-reader.ts';
import { testKafka } from './kafka.ts';

/** A record whose headers are the bytes of the protocol: what no client of objects can say or show. */
export interface RawRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Buffer;
}

/** Produces records with any header bytes. */
export async function produceRaw(topic: string, records: readonly Omit<RawRecord, 'offset'>[]): Promise<void> {
  const producer = new OutputProducer({ kafka: testKafka(), compression: 'none' });
  await producer.start([topic]);
  const outputs = new OutputRecords(topic);
  for (const { partition, timestampMs, key, value, headers } of records) {
    const [keyStart, valueStart] = [key ? outputs.put(key) : 0, value ? outputs.put(value) : 0];
    const headerStart = outputs.put(headers);
    outputs.add(partition, timestampMs, keyStart, key?.length ?? -1, valueStart, value?.length ?? -1, headerStart, headers.length);
  }
  await producer.send([outputs]);
  await producer.close();
}

/** A topic from its beginning to the end it has now. */
export async function readRaw(topic: string, openTransactions: 'stop' | 'wait' = 'wait'): Promise<RawRecord[]> {
  const kafka = testKafka();
  const records: RawRecord[] = [];
  for await (const batch of readRanges(kafka, topic, await partitionRanges(kafka, topic), { openTransactions })) {
    const part = (start: number, length: number): Buffer => Buffer.from(batch.buffer.subarray(start, start + length));
    for (let i = 0; i < batch.count; i++) {
      records.push({
        partition: batch.partition,
        offset: batch.offsets[i]!,
        timestampMs: batch.timestamps[i]!,
        key: batch.keyLength[i]! < 0 ? null : part(batch.keyStart[i]!, batch.keyLength[i]!),
        value: batch.valueLength[i]! < 0 ? null : part(batch.valueStart[i]!, batch.valueLength[i]!),
        headers: part(batch.headerStart[i]!, batch.headerLength[i]!),
      });
    }
  }
  return records;
}

/** Bytes that look random and are the same in every run. */
export function randomBytes(seed: number): (length: number) => Buffer {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  return (length) => Buffer.from(Array.from({ length }, next));
}

/** A zigzag varint of one or two bytes. */
export const smallVarint = (value: number): Buffer => Buffer.from(value < 64 ? [value * 2] : [((value * 2) & 0x7f) | 0x80, value >> 6]);
/** One header in the bytes of the protocol. */
export const headerBytes = (key: Buffer, value: Buffer | null): Buffer =>
  Buffer.concat([smallVarint(key.length), key, value ? smallVarint(value.length) : Buffer.from([1]), value ?? Buffer.alloc(0)]);

/** Headers as no client makes them: null values, repeated keys that do not stand together, keys and values that are not UTF-8. */
export const ODD_HEADERS = Buffer.concat([
  smallVarint(7),
  headerBytes(Buffer.from('a'), null),
  headerBytes(Buffer.from('b'), Buffer.from('1')),
  headerBytes(Buffer.from('a'), Buffer.alloc(0)),
  headerBytes(Buffer.from([0xff, 0xfe, 0x80]), Buffer.from([0xc3, 0x28])),
  headerBytes(Buffer.alloc(0), Buffer.from('no key')),
  headerBytes(Buffer.from('__connect.errors.topic'), Buffer.from('from somewhere else')),
  headerBytes(Buffer.from('weir.redrive.offsets'), Buffer.from('0-1000000')),
]);
