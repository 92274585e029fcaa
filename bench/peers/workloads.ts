/**
 * The workloads that workers are compared on. A further kind of events (`base`) needs a `Format` in `FORMATS`; what a worker is told
 * is in contract.ts.
 */
import { fileURLToPath } from 'node:url';
import type { Contract } from './contract.ts';
import type { Format } from './format.ts';
import { w1 } from './w1.ts';
import { w2 } from './w2.ts';

/** A workload. */
export interface Workload extends Pick<Contract, 'layout' | 'delivery' | 'modelFile'> {
  readonly name: string;
  readonly description: string;
  /** Kind of events: a key of `FORMATS`, and WL of the contract. */
  readonly base: keyof typeof FORMATS;
  /** Default number of events. */
  readonly events: number;
}

/** Events and predictions of each kind of workload. */
export const FORMATS = { w1, w2 } satisfies Partial<Record<Contract['workload'], Format>>;

const MLP = model('tab');
const TREES = model('gbt');

/** All workloads, by name. */
export const WORKLOADS: ReadonlyMap<string, Workload> = new Map(
  (
    [
      {
        name: 'w2',
        description: 'Avro, HMGET of 12 text fields, MLP 24-64-32-1, at least once',
        base: 'w2',
        layout: 'hash',
        delivery: 'at-least-once',
        modelFile: MLP,
        events: 1_000_000,
      },
      {
        name: 'w2p',
        description: 'Avro, MGET of 48 bytes, MLP 24-64-32-1, at least once',
        base: 'w2',
        layout: 'packed',
        delivery: 'at-least-once',
        modelFile: MLP,
        events: 2_000_000,
      },
      {
        name: 'w2g',
        description: 'Avro, HMGET of 12 text fields, 100 trees of depth 6, at least once',
        base: 'w2',
        layout: 'hash',
        delivery: 'at-least-once',
        modelFile: TREES,
        events: 1_000_000,
      },
      {
        name: 'w2p-exactly-once',
        description: 'as w2p, with transactions',
        base: 'w2',
        layout: 'packed',
        delivery: 'exactly-once',
        modelFile: MLP,
        events: 2_000_000,
      },
      {
        name: 'w1',
        description: 'JSON, 784 numbers in a string, MLP 784-32-32-32-32-10, at least once',
        base: 'w1',
        layout: 'hash',
        delivery: 'at-least-once',
        modelFile: model('ffnn'),
        events: 200_000,
      },
    ] satisfies Workload[]
  ).map((workload) => [workload.name, workload]),
);

function model(name: string): string {
  return fileURLToPath(new URL(`../pipeline/models/${name}/1/model.onnx`, import.meta.url));
}
