import type { RowLayout } from '../../core/layout.ts';
import type { Rows, Scores } from '../../core/rows.ts';
import type { ScoreShape } from './protocol.ts';

/** Shorter texts are copied byte by byte: that beats a call. */
const SHORT_BYTES = 32;

/** Memory that the worker and one of its threads share. */
export class Slab {
  readonly shared: SharedArrayBuffer;
  readonly bytes: Buffer;

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.bytes = Buffer.from(shared);
  }

  /** One that holds at least `size` bytes; a power of two, so that it is not made anew for each larger run. */
  static of(size: number): Slab {
    return new Slab(new SharedArrayBuffer(2 ** Math.ceil(Math.log2(Math.max(4096, size)))));
  }
}

/**
 * How the rows of one run lie in shared memory, and afterwards its scores in the same place:
 *
 *     rows     float32 matrices, one a float tensor │ int32 lengths, one lane a string column (−1: null) │ bytes of the texts
 *     scores   float64 score │ int32 number of the label (−1: none) │ float32 matrices, one an extra
 *
 * Both ends know the layout and the number of rows, so nothing else is written.
 */
export class RunFrame {
  private readonly floatWidths: readonly number[];
  private readonly textCount: number;
  private readonly shape: ScoreShape;

  constructor(layout: Pick<RowLayout, 'floatWidths' | 'modelFloats' | 'modelTexts'>, shape: ScoreShape) {
    this.floatWidths = layout.floatWidths.slice(0, layout.modelFloats);
    this.textCount = layout.modelTexts;
    this.shape = shape;
  }

  /** Bytes that a run of these rows needs, for the rows and for their scores. */
  size(rows: Rows, fromRow: number, toRow: number): number {
    const count = toRow - fromRow;
    let texts = 0;
    for (const { length } of this.textsOf(rows)) for (let row = fromRow; row < toRow; row++) texts += Math.max(0, length[row]!);
    const extras = this.shape.extras.reduce((sum, { width }) => sum + width, 0);
    return Math.max(this.textsFrom(count) + texts, count * (8 + 4 + extras * 4));
  }

  /** Copies rows into the slab, which is large enough. */
  putRows(rows: Rows, fromRow: number, toRow: number, { shared, bytes }: Slab): void {
    const count = toRow - fromRow;
    let offset = 0;
    for (const [lane, width] of this.floatWidths.entries()) {
      new Float32Array(shared, offset, count * width).set(rows.floats[lane]!.subarray(fromRow * width, toRow * width));
      offset += count * width * 4;
    }
    let at = this.textsFrom(count);
    for (const { length, start, arena } of this.textsOf(rows)) {
      new Int32Array(shared, offset, count).set(length.subarray(fromRow, toRow));
      offset += count * 4;
      for (let row = fromRow; row < toRow; row++) {
        const size = length[row]!;
        const from = start[row]!;
        if (size < SHORT_BYTES) for (let i = 0; i < size; i++) bytes[at + i] = arena[from + i]!;
        else arena.copy(bytes, at, from, from + size);
        if (size > 0) at += size;
      }
    }
  }

  /** Fills the first `count` rows with what `putRows` has written. */
  takeRows({ shared, bytes }: Slab, count: number, rows: Rows): void {
    rows.count = count;
    let offset = 0;
    for (const [lane, width] of this.floatWidths.entries()) {
      rows.floats[lane]!.set(new Float32Array(shared, offset, count * width));
      offset += count * width * 4;
    }
    let at = this.textsFrom(count);
    for (const column of this.textsOf(rows)) {
      const lengths = new Int32Array(shared, offset, count);
      offset += count * 4;
      column.clear(count);
      for (let row = 0; row < count; row++) {
        const size = lengths[row]!;
        if (size < 0) continue;
        column.set(row, bytes, at, size);
        at += size;
      }
    }
  }

  /** Copies the first `count` scores into the slab. @returns the different labels, in the order of their numbers; undefined without labels */
  putScores(scores: Scores, count: number, { shared }: Slab): string[] | undefined {
    new Float64Array(shared, 0, count).set(scores.score.subarray(0, count));
    const labels = scores.label && numberLabels(scores.label, new Int32Array(shared, count * 8, count));
    let offset = count * 12;
    for (const { width, values } of scores.extras) {
      new Float32Array(shared, offset, count * width).set(values.subarray(0, count * width));
      offset += count * width * 4;
    }
    return labels;
  }

  /** Copies what `putScores` has written to places `at` … `at + count − 1`. */
  takeScores({ shared }: Slab, count: number, at: number, scores: Scores, labels: readonly string[] | undefined): void {
    scores.score.set(new Float64Array(shared, 0, count), at);
    if (scores.label && labels) {
      const numbers = new Int32Array(shared, count * 8, count);
      for (let i = 0; i < count; i++) scores.label[at + i] = labels[numbers[i]!];
    }
    let offset = count * 12;
    for (const { width, values } of scores.extras) {
      values.set(new Float32Array(shared, offset, count * width), at * width);
      offset += count * width * 4;
    }
  }

  /** The string columns that the model is given. */
  private textsOf({ texts }: Rows): Rows['texts'] {
    return texts.length === this.textCount ? texts : texts.slice(0, this.textCount);
  }

  /** Where the bytes of the texts begin. */
  private textsFrom(count: number): number {
    return count * 4 * (this.textCount + this.floatWidths.reduce((sum, width) => sum + width, 0));
  }
}

/** Writes the number of each label among the different ones. A model has few classes, so few strings are sent. */
function numberLabels(labels: readonly (string | undefined)[], numbers: Int32Array): string[] {
  const byLabel = new Map<string, number>();
  for (let i = 0; i < numbers.length; i++) {
    const label = labels[i];
    let number = label === undefined ? -1 : byLabel.get(label);
    if (number === undefined) byLabel.set(label!, (number = byLabel.size));
    numbers[i] = number;
  }
  return [...byLabel.keys()];
}
