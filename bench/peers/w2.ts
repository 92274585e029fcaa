/** `w2`: Avro events of 12 numbers, 12 features of a user from Redis, one score. Users are Zipf-distributed, all numbers uniform. */
import { Redis } from 'ioredis';
import { MAX_VARINT_BYTES, writeDigits, writeLong } from '../../src/avro/primitives.ts';
import type { OutputRecords } from '../../src/core/outputs.ts';
import { partitionOfKey } from '../../src/kafka/murmur2.ts';
import { Random, Zipf } from '../../src/core/random.ts';
import { EVENT_SCHEMA_ID, NUMBERS } from './contract.ts';
import type { EventStream, Format } from './format.ts';

const USERS = 100_000;
const ZIPF_EXPONENT = 0.99;
/** Users that are written to Redis at once. */
const USERS_PER_WRITE = 2_000;
const FIRST_EVENT_MS = 1_700_000_000_000;

/** An event id is `evt-` and this many digits: 16 bytes, 0x20 as Avro's length. */
const ID_DIGITS = 12;
const ID_BYTES = 4 + ID_DIGITS;
/** Byte 0, the id of the schema, and the event id with its length. */
const HEAD = Buffer.from(`\0\0\0\0${String.fromCharCode(EVENT_SCHEMA_ID, ID_BYTES * 2)}evt-${'0'.repeat(ID_DIGITS)}`, 'latin1');
const ID_AT = HEAD.length - ID_BYTES;

/** The kind of workload. */
export const w2: Format = {
  warmUpEvents: 20_000,
  events: () => new Events(),
  loadFeatures,
  numberOf(prediction) {
    if (prediction.length <= HEAD.length || prediction[ID_AT - 1] !== ID_BYTES * 2) return Number.NaN;
    return Number(prediction.toString('latin1', ID_AT + 4, HEAD.length));
  },
  scoresOf(prediction) {
    // The entity id is shorter than 64 bytes, so its length is one byte.
    return [prediction.readFloatLE(HEAD.length + 1 + prediction[HEAD.length]! / 2)];
  },
  // A classifier gives the probabilities of both classes.
  scoresFrom: (output) => [output.at(-1)!],
};

class Events implements EventStream {
  private readonly random = new Random(11);
  private readonly user = new Zipf(USERS, ZIPF_EXPONENT, this.random);
  private readonly features = userFeatures();
  private readonly numbers = new Float64Array(NUMBERS);
  private number = -1;
  private entity = 0;

  next(): void {
    this.number++;
    this.entity = this.user.next();
    for (let i = 0; i < NUMBERS; i++) this.numbers[i] = this.random.next();
  }

  appendTo(outputs: OutputRecords, partitions: number, createdMs: number): void {
    const key = String(this.entity);
    const keyStart = outputs.room(key.length + HEAD.length + 1 + key.length + MAX_VARINT_BYTES + NUMBERS * 8);
    const { buffer, view } = outputs;
    const valueStart = keyStart + buffer.write(key, keyStart, 'latin1');
    let at = valueStart + HEAD.copy(buffer, valueStart);
    writeDigits(buffer, at - ID_DIGITS, this.number, ID_DIGITS);
    at = writeLong(buffer, at, key.length);
    at += buffer.write(key, at, 'latin1');
    at = writeLong(buffer, at, FIRST_EVENT_MS + this.number);
    for (let i = 0; i < NUMBERS; i++, at += 8) view.setFloat64(at, this.numbers[i]!, true);
    outputs.commit(at - keyStart);
    const partition = partitionOfKey(buffer, keyStart, key.length, partitions);
    outputs.add(partition, createdMs, keyStart, key.length, valueStart, at - valueStart);
  }

  row(): Float32Array {
    const row = new Float32Array(2 * NUMBERS);
    row.set(this.numbers);
    row.set(this.features.subarray(this.entity * NUMBERS, (this.entity + 1) * NUMBERS), NUMBERS);
    return row;
  }
}

/** Features of all users, one after the other: numbers of six decimals, so that text and bytes say the same. */
function userFeatures(): Float64Array {
  const random = new Random(7);
  return Float64Array.from({ length: USERS * NUMBERS }, () => Math.round(random.next() * 1e6) / 1e6);
}

async function loadFeatures(url: string): Promise<void> {
  const features = userFeatures();
  const redis = new Redis(url);
  try {
    for (let from = 0; from < USERS; from += USERS_PER_WRITE) {
      const writes = redis.pipeline();
      for (let user = from; user < Math.min(USERS, from + USERS_PER_WRITE); user++) {
        const values = features.subarray(user * NUMBERS, (user + 1) * NUMBERS);
        writes.hset(`features:user:${user}`, ...Array.from(values).flatMap((value, i) => [`g${i}`, value.toFixed(6)]));
        const packed = Buffer.alloc(NUMBERS * 4);
        for (const [i, value] of values.entries()) packed.writeFloatLE(value, i * 4);
        writes.set(`fp:user:${user}`, packed);
      }
      for (const [error] of (await writes.exec())!) if (error) throw error;
    }
  } finally {
    redis.disconnect();
  }
}
