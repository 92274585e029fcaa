import './no-telemetry.ts';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { RowLayout, Tensor as TensorLayout } from '../core/layout.ts';
import type { Rows } from '../core/rows.ts';
import { Interner } from './interner.ts';

/** Tensors by input name. */
export type Feeds = Record<string, Tensor>;

/** Makes the tensors of rows `[from, to)`. */
export type FeedsMaker = (rows: Rows, from: number, to: number) => Feeds;

/**
 * Prepares the way from rows to tensors. Float tensors are views on the rows' matrices: nothing is copied here, and the
 * rows must not change until the run is over. String tensors are arrays of interned strings, made anew for each call,
 * because several runs can be under way.
 * @param session tells which inputs are `[N]` rather than `[N, width]`
 */
export function createFeedsMaker(layout: RowLayout, session: InferenceSession): FeedsMaker {
  const isFlat = new Map(session.inputMetadata.map((meta) => [meta.name, meta.isTensor && meta.shape.length === 1]));
  const makers = layout.tensors.map((tensor) => {
    const flat = isFlat.get(tensor.name) ?? false;
    const dims = (count: number): number[] => (flat ? [count] : [count, tensor.width]);
    return { name: tensor.name, make: tensor.kind === 'float' ? floatTensors(tensor, dims) : stringTensors(tensor, dims) };
  });
  return (rows, from, to) => {
    const feeds: Feeds = {};
    for (const { name, make } of makers) feeds[name] = make(rows, from, to);
    return feeds;
  };
}

type TensorMaker = (rows: Rows, from: number, to: number) => Tensor;

function floatTensors({ lane, width }: TensorLayout, dims: (count: number) => number[]): TensorMaker {
  return (rows, from, to) => new Tensor('float32', rows.floats[lane]!.subarray(from * width, to * width), dims(to - from));
}

function stringTensors({ columns, width }: TensorLayout, dims: (count: number) => number[]): TensorMaker {
  const interner = new Interner();
  return (rows, from, to) => {
    const texts = new Array<string>((to - from) * width);
    for (const { lane, slot } of columns) {
      const column = rows.texts[lane]!;
      for (let row = from, at = slot; row < to; row++, at += width) texts[at] = interner.text(column, row);
    }
    return new Tensor('string', texts, dims(to - from));
  };
}
