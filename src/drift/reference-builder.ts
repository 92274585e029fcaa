import { WeirError } from '../core/errors.ts';
import type { RowLayout } from '../core/layout.ts';
import { Random } from '../core/random.ts';
import { type Rows, type Scores, STATUS_OK } from '../core/rows.ts';
import { binOf, ceilFloat32, nextUpFloat32, numericBinsFrom, withEdge } from './bins.ts';
import { boundedQuantaOf } from './bin-lookup.ts';
import { classIndex } from './performance/counting.ts';
import type { PerformanceTask } from './performance/layout.ts';
import { referencePerformanceOf } from './performance/reference.ts';
import {
  type CategoricalFeature,
  type NumericFeature,
  QUANTA,
  REFERENCE_FORMAT,
  type ReferenceFeature,
  type ReferenceProfile,
  referenceProfileFrom,
  SCORE_NAME,
} from './reference-profile.ts';

/** Words of a vocabulary; all others share one count. */
export const MAX_VOCABULARY = 200;
/** Rows kept when nothing else is said. */
export const DEFAULT_MAX_ROWS = 1_000_000;
/** Distinct words of a column that are told apart while building. */
const MAX_DISTINCT = 100_000;
const OTHER = -1;
const MISSING = -2;

/** Builds a reference profile from scored rows. */
export interface ReferenceBuilder {
  /**
   * Adds the rows that are ok.
   * @param truths of each row, for the task: see `countLabel`; NaN where it is not known
   */
  observe(rows: Rows, scores: Scores, truths?: Float64Array): void;
  /** The profile of all rows seen. @throws WeirError `reference_invalid` when there were none */
  build(): ReferenceProfile;
}

/** Options of `createReferenceBuilder`. */
export interface ReferenceBuilderOptions {
  readonly layout: RowLayout;
  readonly model: { readonly name: string; readonly version: string };
  /** Rows kept at most; beyond it a uniform sample of rows is kept (reservoir, Vitter's algorithm R, fixed seed). */
  readonly maxRows?: number;
  /** What the truth is held against: when it is given, and some row has a truth, the profile says how good the scores are. */
  readonly task?: PerformanceTask;
}

/**
 * Collects rows and builds their profile. Memory: four bytes a value, for at most `maxRows` rows. Up to then all counts
 * are exact; beyond, the profile describes a uniform sample of whole rows, and says so (`rows` < `observedRows`).
 * The same rows in the same order always give the same profile.
 */
export function createReferenceBuilder(options: ReferenceBuilderOptions): ReferenceBuilder {
  const { layout, model, task } = options;
  const maxRows = options.maxRows ?? DEFAULT_MAX_ROWS;
  const { monitored } = layout;
  const floats = monitored.map(({ column }) => (column.kind === 'float' ? new GrowingFloats() : undefined));
  const words = monitored.map(({ column }) => (column.kind === 'string' ? new WordColumn() : undefined));
  const scoreValues = new GrowingFloats();
  // Float32 holds what a truth can be, but for numbers, of which it keeps as many digits as of the scores.
  const truthValues = task ? new GrowingFloats() : undefined;
  const classValues = task?.kind === 'multiclass' ? new GrowingFloats() : undefined;
  const random = new Random(0x5eed);
  let observedRows = 0;

  /** Row of the sample that the next observed row takes; −1: none. */
  const place = (): number => {
    const seen = observedRows++;
    if (seen < maxRows) return seen;
    const at = random.below(seen + 1);
    return at < maxRows ? at : -1;
  };

  return {
    observe(rows, scores, truths) {
      for (let row = 0; row < rows.count; row++) {
        if (rows.status[row] !== STATUS_OK) continue;
        const at = place();
        if (at < 0) continue;
        for (const [feature, { column, slot }] of monitored.entries()) {
          floats[feature]?.set(at, rows.float(row, { lane: column.lane, slot }));
          words[feature]?.set(at, rows.texts[column.lane]!.text(row));
        }
        scoreValues.set(at, scores.score[row]!);
        truthValues?.set(at, truths?.[row] ?? Number.NaN);
        if (task?.kind === 'multiclass') classValues!.set(at, classIndex(task.classes, scores.label?.[row] ?? ''));
      }
    },

    build() {
      const rows = Math.min(observedRows, maxRows);
      if (rows === 0)
        throw new WeirError('reference_invalid', 'No scored row was offered, so there is nothing to build a reference profile from.');
      const features = monitored.map(
        ({ name }, feature): ReferenceFeature =>
          floats[feature] ? numericFeatureFrom(name, floats[feature]!.values(rows)) : words[feature]!.feature(name, rows),
      );
      const threshold = task?.kind === 'binary' ? task.threshold : undefined;
      const prediction = numericFeatureFrom(SCORE_NAME, scoreValues.values(rows), threshold);
      const performance =
        task &&
        referencePerformanceOf(prediction, task, {
          scores: scoreValues.values(rows),
          truths: truthValues!.values(rows),
          predicted: classValues?.values(rows),
        });
      return referenceProfileFrom({
        format: REFERENCE_FORMAT,
        model: { name: model.name, version: model.version },
        rows,
        observedRows,
        features,
        prediction,
        ...(performance ? { performance } : {}),
      });
    },
  };
}

/**
 * Profiles one numeric feature. NaN is missing; infinities are counted apart.
 * @param threshold that must lie between two bins, if it lies among the values
 */
export function numericFeatureFrom(name: string, values: Float32Array, threshold?: number): NumericFeature {
  const finite = values.filter(Number.isFinite).sort();
  const missing = values.reduce((sum, x) => sum + (Number.isNaN(x) ? 1 : 0), 0);
  const infinite = values.length - finite.length - missing;
  const bins = numericBinsFrom(finite);
  const { type, edges, counts, fold } = threshold === undefined ? bins : withEdge(bins, finite, ceilFloat32(threshold));
  const isEmpty = finite.length === 0;
  const min = isEmpty ? null : finite[0]! + 0;
  const max = isEmpty ? null : finite.at(-1)! + 0;
  const origin = min ?? 0;
  const quantum = isEmpty ? 1 : quantumOf(origin, max ?? 0);
  const sums = new Array<number>(counts.length).fill(0);
  let mean = 0;
  for (const [i, x] of finite.entries()) {
    sums[binOf(edges, x)]! += boundedQuantaOf(x, origin, 1 / quantum);
    mean += (x - mean) / (i + 1);
  }
  const squares = finite.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return {
    name,
    type,
    edges: [...edges],
    fold: [...fold],
    counts: [...counts],
    sums,
    missing,
    infinite,
    min,
    max,
    mean: isEmpty ? null : mean,
    std: isEmpty ? null : Math.sqrt(squares / finite.length),
    origin,
    quantum,
  };
}

/** A power of two of which the domain holds at most 2^20; of a constant, about 2^20 times smaller than its value. */
function quantumOf(min: number, max: number): number {
  const span = max > min ? max - min : Math.max(Math.abs(min), nextUpFloat32(0));
  let quantum = 2 ** Math.ceil(Math.log2(span / QUANTA));
  while (span / quantum > QUANTA) quantum *= 2;
  return quantum;
}

/** Float32 values by index, grown by doubling. */
class GrowingFloats {
  private data = new Float32Array(1024);

  set(at: number, value: number): void {
    if (at >= this.data.length) {
      const grown = new Float32Array(this.data.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[at] = value;
  }

  values(count: number): Float32Array {
    return this.data.subarray(0, count);
  }
}

/** Words by index, each distinct word kept once. */
class WordColumn {
  private ids = new Int32Array(1024);
  private readonly idOf = new Map<string, number>();

  set(at: number, word: string | undefined): void {
    if (at >= this.ids.length) {
      const grown = new Int32Array(this.ids.length * 2);
      grown.set(this.ids);
      this.ids = grown;
    }
    this.ids[at] = word ? this.id(word) : MISSING;
  }

  /** The most frequent words make the vocabulary; ties go by code units, so that the order of rows does not matter. */
  feature(name: string, rows: number): CategoricalFeature {
    const words = [...this.idOf.keys()];
    const counts = new Array<number>(words.length).fill(0);
    let missing = 0;
    let other = 0;
    for (let row = 0; row < rows; row++) {
      const id = this.ids[row]!;
      if (id === MISSING) missing++;
      else if (id === OTHER) other++;
      else counts[id]!++;
    }
    const ranked = words
      .map((word, id) => ({ word, count: counts[id]! }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1));
    const kept = ranked.slice(0, MAX_VOCABULARY);
    for (const { count } of ranked.slice(MAX_VOCABULARY)) other += count;
    return {
      name,
      type: 'CATEGORICAL',
      vocabulary: kept.map(({ word }) => word),
      counts: [...kept.map(({ count }) => count), other],
      missing,
    };
  }

  private id(word: string): number {
    const known = this.idOf.get(word);
    if (known !== undefined) return known;
    if (this.idOf.size >= MAX_DISTINCT) return OTHER;
    this.idOf.set(word, this.idOf.size);
    return this.idOf.size - 1;
  }
}
