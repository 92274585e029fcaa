import { endianness } from 'node:os';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { WeirError } from '../core/errors.ts';
import { Scores } from '../core/rows.ts';
import type { OutputsSpec } from './manifest.ts';
import { scoreWidthProblem } from './signature.ts';

/** What a run gives back: tensors by output name. */
export type Results = InferenceSession.OnnxValueMapType;

/** Reads results into scores. Made once the widths of the outputs are known. */
export interface OutputReader {
  /** Copies the results of `count` rows to places `at` … `at + count − 1`. @throws Error when an output has not as many values as rows ask for */
  read(results: Results, at: number, count: number, scores: Scores): void;
  createScores(capacity: number): Scores;
}

/** Names of the outputs to fetch: those the manifest wants, each once. Others are not even copied out of the runtime. */
export function wantedOutputs({ score, label, extras }: OutputsSpec): string[] {
  const names = [score.output, ...extras.map((extra) => extra.output)];
  if (label && 'output' in label) names.push(label.output);
  return [...new Set(names)];
}

/**
 * Prepares the reading of outputs.
 * @param sample results of a run of `sampleRows` rows, which tell how many values a row has; declared shapes are often open or wrong
 * @throws WeirError `model_invalid` when an output cannot be read as the manifest says
 */
export function createOutputReader(spec: OutputsSpec, sample: Results, sampleRows: number): OutputReader {
  const width = (name: string): number => {
    const values = tensorOf(sample, name);
    const perRow = values.size / sampleRows;
    if (values.dims[0] === sampleRows && Number.isInteger(perRow)) return perRow;
    throw new WeirError(
      'model_invalid',
      `Output ${name} has shape [${values.dims.join(',')}] for ${sampleRows} rows; the first dimension must be the rows. Export the model with a dynamic batch dimension.`,
    );
  };
  const scoreWidth = width(spec.score.output);
  const problem = scoreWidthProblem(spec.score.output, scoreWidth, spec.score.index);
  if (problem !== undefined) throw new WeirError('model_invalid', `${problem}.`);
  const extras = spec.extras.map(({ name, output }) => ({ name, output, width: width(output) }));
  const readScore = scoreReader(spec.score.output, scoreWidth, spec.score.index ?? 0);
  const readLabels = spec.label ? labelReader(spec.label, width) : undefined;

  return {
    read(results, at, count, scores) {
      readScore(results, at, count, scores);
      for (let i = 0; i < extras.length; i++) {
        const extra = extras[i]!;
        scores.extras[i]!.values.set(numbersOf(results, extra.output, count * extra.width), at * extra.width);
      }
      readLabels?.(results, at, count, scores);
    },
    createScores: (capacity) => new Scores(capacity, { label: spec.label !== undefined, extras }),
  };
}

type Reader = (results: Results, at: number, count: number, scores: Scores) => void;

function scoreReader(output: string, width: number, index: number): Reader {
  return (results, at, count, scores) => {
    const values = numbersOf(results, output, count * width);
    const score = scores.score;
    for (let i = 0, from = index; i < count; i++, from += width) score[at + i] = values[from]!;
  };
}

function labelReader(spec: NonNullable<OutputsSpec['label']>, width: (name: string) => number): Reader {
  if ('threshold' in spec) {
    const { threshold, above, below } = spec;
    return (_results, at, count, scores) => {
      const label = scores.label!;
      for (let i = at; i < at + count; i++) label[i] = scores.score[i]! >= threshold ? above : below;
    };
  }
  const name = spec.output;
  if (width(name) !== 1) throw new WeirError('model_invalid', `Output ${name} has ${width(name)} values a row; a label is one.`);
  const classes = new ClassNames();
  return (results, at, count, scores) => {
    const tensor = tensorOf(results, name);
    checkSize(tensor, name, count);
    const label = scores.label!;
    const data = tensor.data;
    if (data instanceof BigInt64Array) {
      // Both halves of each number as int32, so that no BigInt is made for a row.
      const halves = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
      for (let i = 0; i < count; i++) label[at + i] = classes.text(halves[2 * i + HIGH]!, halves[2 * i + LOW]!);
    } else if (data instanceof Int32Array) {
      for (let i = 0; i < count; i++) label[at + i] = classes.text(data[i]! >> 31, data[i]!);
    } else {
      for (let i = 0; i < count; i++) label[at + i] = (data as string[])[i];
    }
  };
}

const LOW = endianness() === 'LE' ? 0 : 1;
const HIGH = 1 - LOW;

/** Class numbers kept as text. A model with more classes than this is no classifier; it gets a new string per row. */
const MAX_CLASSES = 4096;

/** Turns int64 class numbers into text, each into one string that is used again. */
export class ClassNames {
  private readonly names = new Map<number, string>();

  /** The decimal text of `high * 2^32 + low` (low taken as unsigned). */
  text(high: number, low: number): string {
    const value = high * 2 ** 32 + (low >>> 0);
    // Beyond 2^53 the sum is rounded, and two classes would share a name.
    if (!Number.isSafeInteger(value)) return ((BigInt(high) << 32n) | BigInt(low >>> 0)).toString();
    let name = this.names.get(value);
    if (name === undefined) {
      name = String(value);
      if (this.names.size < MAX_CLASSES) this.names.set(value, name);
    }
    return name;
  }
}

function tensorOf(results: Results, name: string): Tensor {
  const tensor = results[name] as Tensor | undefined;
  if (!tensor) throw new Error(`the model gave no output ${name}`);
  return tensor;
}

function numbersOf(results: Results, name: string, size: number): Float32Array | Float64Array {
  const tensor = tensorOf(results, name);
  checkSize(tensor, name, size);
  return tensor.data as Float32Array | Float64Array;
}

function checkSize(tensor: Tensor, name: string, size: number): void {
  if (tensor.size !== size) throw new Error(`output ${name} has ${tensor.size} values where ${size} were expected`);
}
