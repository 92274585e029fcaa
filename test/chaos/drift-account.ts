/**
 * The account of drift: every row must be counted in exactly one delta. Pure, like the checker; sums of counts alone would let a row
 * that was counted twice hide one that was not counted, so each delta is held against the outputs of the very offsets it covers.
 */
import type { Output } from './checker.ts';

/** A record of the profiles topic: what one worker counted of the offsets `fromOffset` … `toOffset` − 1 of an input partition. */
export interface Delta {
  readonly inputTopic: string;
  readonly inputPartition: number;
  readonly segmentId: string;
  readonly fromOffset: number;
  readonly toOffset: number;
  /** A delta may be cut into several records; each counts on its own. */
  readonly part: number;
  /** Rows counted in panes, and such as have no usable event time. */
  readonly events: number;
  readonly untimed: number;
  readonly deadLetters: number;
  /** Columns whose histogram holds another number of rows than its pane. */
  readonly tornColumns: number;
}

/** What came of drift. */
export interface DriftAccount {
  /** Predictions of different inputs, and rows that the deltas counted; equal when nothing is wrong. */
  readonly predictions: number;
  readonly counted: number;
  /** Predictions and dead letters that no delta covers. */
  readonly missing: number;
  /** Deltas beyond the first that cover a prediction or dead letter. */
  readonly twice: number;
  /** Rows that deltas count more or fewer than the offsets that they cover have outputs; columns that count other rows; strange deltas. */
  readonly wrong: number;
  /** The first few of what is wrong, in words. */
  readonly examples: readonly string[];
}

const EXAMPLES = 6;

/** The outputs of one input partition, by offset of their inputs. */
interface Lane {
  /** Inputs with a prediction or a dead letter, ascending. */
  readonly offsets: number[];
  /** How many of the first n have a prediction, a dead letter. */
  readonly predictions: number[];
  readonly deadLetters: number[];
  /** Deltas that cover each. */
  readonly covered: number[];
}

/** Holds deltas against the outputs of a run. */
export function accountForDrift(topic: string, outputs: readonly Output[], deltas: readonly Delta[]): DriftAccount {
  const lanes = lanesOf(outputs);
  const examples: string[] = [];
  const say = (text: string): void => {
    if (examples.length < EXAMPLES) examples.push(`drift: ${text}`);
  };
  let counted = 0;
  let wrong = 0;
  for (const parts of wholeDeltas(deltas)) {
    const [{ inputTopic, inputPartition, fromOffset, toOffset }] = parts;
    const rows = parts.reduce((sum, { events, untimed }) => sum + events + untimed, 0);
    const letters = parts.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
    const where = `delta of ${inputTopic}-${inputPartition}@${fromOffset}…${toOffset}`;
    counted += rows;
    const torn = parts.reduce((sum, { tornColumns }) => sum + tornColumns, 0);
    if (torn > 0) say(`${where} has ${torn} columns with other rows than the others`);
    wrong += torn;
    const lane = inputTopic === topic ? lanes.get(inputPartition) : undefined;
    const [from, to] = lane ? [placeOf(lane.offsets, fromOffset), placeOf(lane.offsets, toOffset)] : [0, 0];
    for (let i = from; i < to; i++) lane!.covered[i]!++;
    const should = lane ? lane.predictions[to]! - lane.predictions[from]! : 0;
    const shouldLetters = lane ? lane.deadLetters[to]! - lane.deadLetters[from]! : 0;
    if (rows !== should || letters !== shouldLetters) {
      wrong += Math.abs(rows - should) + Math.abs(letters - shouldLetters);
      say(`${where} counts ${rows} rows and ${letters} dead letters, and there are ${should} and ${shouldLetters}`);
    }
  }
  let missing = 0;
  let twice = 0;
  let predictions = 0;
  for (const [partition, lane] of lanes) {
    predictions += lane.predictions.at(-1)!;
    lane.covered.forEach((times, i) => {
      if (times === 1) return;
      if (times === 0) missing++;
      else twice += times - 1;
      say(`${topic}-${partition}@${lane.offsets[i]} is in ${times} deltas`);
    });
  }
  return { predictions, counted, missing, twice, wrong, examples };
}

/** What is wrong with drift, in words; empty: every row is counted once. */
export function driftProblemsOf({ predictions, counted, missing, twice, wrong, examples }: DriftAccount): string[] {
  if (missing === 0 && twice === 0 && wrong === 0 && counted === predictions) return [];
  const text = `drift counted ${counted} rows of ${predictions} predictions: ${missing} missing, ${twice} twice, ${wrong} wrong`;
  return [text, ...examples];
}

/** The records of each delta, together; a delta that was written again is one more. */
function wholeDeltas(deltas: readonly Delta[]): (readonly [Delta, ...Delta[]])[] {
  const whole: [Delta, ...Delta[]][] = [];
  const open = new Map<string, [Delta, ...Delta[]]>();
  for (const delta of deltas) {
    const key = `${delta.inputTopic} ${delta.inputPartition} ${delta.segmentId} ${delta.fromOffset} ${delta.toOffset}`;
    const begun = open.get(key);
    if (begun && delta.part > 0) begun.push(delta);
    else {
      const parts: [Delta, ...Delta[]] = [delta];
      open.set(key, parts);
      whole.push(parts);
    }
  }
  return whole;
}

function lanesOf(outputs: readonly Output[]): Map<number, Lane> {
  const byPartition = new Map<number, Map<number, { predictions: number; deadLetters: number }>>();
  for (const { kind, sourcePartition, sourceOffset } of outputs) {
    const inputs = byPartition.get(sourcePartition) ?? new Map<number, { predictions: number; deadLetters: number }>();
    byPartition.set(sourcePartition, inputs);
    // A repeat is the same row: only the first of a kind counts.
    const of = inputs.get(sourceOffset) ?? { predictions: 0, deadLetters: 0 };
    inputs.set(sourceOffset, of);
    if (kind === 'prediction') of.predictions = 1;
    else of.deadLetters = 1;
  }
  return new Map([...byPartition].map(([partition, inputs]) => [partition, laneOf(inputs)]));
}

function laneOf(inputs: ReadonlyMap<number, { predictions: number; deadLetters: number }>): Lane {
  const lane: Lane = { offsets: [], predictions: [0], deadLetters: [0], covered: [] };
  for (const [offset, of] of [...inputs].sort(([a], [b]) => a - b)) {
    lane.offsets.push(offset);
    lane.covered.push(0);
    lane.predictions.push(lane.predictions.at(-1)! + of.predictions);
    lane.deadLetters.push(lane.deadLetters.at(-1)! + of.deadLetters);
  }
  return lane;
}

/** Index of the first offset that is not below `offset`. */
function placeOf(offsets: readonly number[], offset: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle]! < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
