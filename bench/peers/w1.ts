/** `w1`: JSON events with 784 numbers of 8 decimals in a string (8.65 kB), ten probabilities. Keys go round 1,000 names. */
import type { OutputRecords } from '../../src/core/outputs.ts';
import { partitionOfKey } from '../../src/kafka/murmur2.ts';
import { Random } from '../../src/core/random.ts';
import { LIST_LENGTH } from './contract.ts';
import type { EventStream, Format } from './format.ts';

const KEYS = 1_000;
/** Different lists; events go round them. */
const POOL = 500;
const DECIMALS = 8;
const FIRST_EVENT_MS = 1_700_000_000_000;
const ID_DIGITS = 12;

/** The kind of workload. */
export const w1: Format = {
  warmUpEvents: 4_000,
  events: () => new Events(),
  numberOf: (prediction) => Number(/^\{"id":"evt-(\d{12})"/.exec(prediction.toString('latin1'))?.[1] ?? Number.NaN),
  scoresOf: (prediction) => (JSON.parse(prediction.toString()) as { prediction: string }).prediction.split(',').map(Number),
  scoresFrom: (output) => [...output],
};

class Events implements EventStream {
  private readonly lists: readonly { readonly text: string; readonly values: Float32Array }[];
  private number = -1;

  constructor() {
    const random = new Random(11);
    this.lists = Array.from({ length: POOL }, () => {
      const texts = Array.from({ length: LIST_LENGTH }, () => random.next().toFixed(DECIMALS));
      return { text: texts.join(','), values: Float32Array.from(texts, Number) };
    });
  }

  next(): void {
    this.number++;
  }

  appendTo(outputs: OutputRecords, partitions: number, createdMs: number): void {
    const { number } = this;
    const key = `k${number % KEYS}`;
    const id = String(number).padStart(ID_DIGITS, '0');
    const value = `{"id":"evt-${id}","ts":${FIRST_EVENT_MS + number},"data":"${this.lists[number % POOL]!.text}"}`;
    const keyStart = outputs.room(key.length + value.length);
    const { buffer } = outputs;
    const valueStart = keyStart + buffer.write(key, keyStart, 'latin1');
    buffer.write(value, valueStart, 'latin1');
    outputs.commit(key.length + value.length);
    const partition = partitionOfKey(buffer, keyStart, key.length, partitions);
    outputs.add(partition, createdMs, keyStart, key.length, valueStart, value.length);
  }

  row(): Float32Array {
    return this.lists[this.number % POOL]!.values;
  }
}
