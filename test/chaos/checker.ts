/**
 * The accounting: every input must have exactly what it should have in the output topics. Pure; it knows neither Kafka nor weir.
 */

/** A record of the input topic. */
export interface Input {
  readonly partition: number;
  readonly offset: number;
  /** Key in base64; null: none. */
  readonly key: string | null;
  /** Value as the reader writes it (base64, or length and checksum); null: tombstone. */
  readonly value: string | null;
  readonly timestampMs: number;
  /** The event that it holds; undefined: poison. */
  readonly sequence: number | undefined;
}

/** A prediction or dead letter, in the place where it was found. */
export interface Output {
  readonly kind: 'prediction' | 'dead-letter';
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  /** Coordinates of the input that it names. */
  readonly sourceTopic: string;
  readonly sourcePartition: number;
  readonly sourceOffset: number;
  /** Prediction: its id. */
  readonly id?: string;
  readonly score?: number;
  readonly isDegraded?: boolean;
  /** Dead letter: its value, and the code of its error. */
  readonly value?: string | null;
  readonly code?: string;
}

/** What may come of an input. */
export interface Expectation {
  /** Score of a prediction that is whole; absent: there must be none. */
  readonly score?: number | undefined;
  /** Score of a prediction with stand-ins; absent: there must be none. */
  readonly degradedScore?: number | undefined;
  /** Codes that a dead letter may have; absent: there must be none. */
  readonly deadLetterCodes?: readonly string[];
  /** True: neither prediction nor dead letter is asked for (a tombstone that is skipped). */
  readonly isOptional?: boolean;
}

/** What is held of a run. */
export interface CheckOptions {
  readonly topic: string;
  readonly expect: (input: Input) => Expectation;
}

/** The account of a run. */
export interface Account {
  readonly inputs: number;
  /** Inputs with neither prediction nor dead letter. */
  readonly lost: number;
  /** Records after the first of an input. Whether they are allowed depends on the delivery mode. */
  readonly duplicated: number;
  /** Records, among the first of each input, that stand behind a later one of the same key and partition. */
  readonly reordered: number;
  /** Records that should not be there, or are not what they should be; repeats that differ from the first. */
  readonly wrong: number;
  /** The first few of each, in words. */
  readonly examples: readonly string[];
}

/** Scores are float32; ONNX Runtime may add up in another order when a batch has another size. */
const TOLERANCE = 1e-5;

const EXAMPLES_OF_EACH = 4;

/** Accounts for every input and every output. The outputs of each topic-partition must be in the order of their offsets. */
export function account(inputs: readonly Input[], outputs: readonly Output[], options: CheckOptions): Account {
  const examples = new Examples();
  const bySource = new Map<string, Input>(inputs.map((input) => [sourceKey(input.partition, input.offset), input]));
  const first = new Map<string, Output>();
  const lastOfKey = new Map<string, number>();
  let duplicated = 0;
  let reordered = 0;
  let wrong = 0;
  for (const output of outputs) {
    const source = sourceKey(output.sourcePartition, output.sourceOffset);
    const input = output.sourceTopic === options.topic ? bySource.get(source) : undefined;
    const earlier = first.get(source);
    const fault = input === undefined ? 'names an input that is not there' : faultOf(input, output, options);
    if (fault !== undefined) {
      wrong++;
      examples.add('wrong', `${where(output)} ${fault}`);
    } else if (earlier !== undefined && !isRepeat(earlier, output)) {
      wrong++;
      examples.add('wrong', `${where(output)} differs from ${where(earlier)}, the first of the same input`);
    }
    if (earlier !== undefined) {
      duplicated++;
      examples.add('duplicated', `${where(output)} repeats ${where(earlier)}`);
      continue;
    }
    first.set(source, output);
    const lane = `${output.kind} ${output.partition} ${output.sourcePartition} ${output.key}`;
    const last = lastOfKey.get(lane) ?? -1;
    if (output.sourceOffset < last) {
      reordered++;
      examples.add('reordered', `${where(output)} stands behind the one of offset ${last} of the same key`);
    } else lastOfKey.set(lane, output.sourceOffset);
  }
  const lost = inputs.filter((input) => {
    const isLost = !first.has(sourceKey(input.partition, input.offset)) && options.expect(input).isOptional !== true;
    if (isLost) examples.add('lost', `${options.topic}-${input.partition}@${input.offset} has neither prediction nor dead letter`);
    return isLost;
  }).length;
  return { inputs: inputs.length, lost, duplicated, reordered, wrong, examples: examples.texts };
}

/** What is wrong with an output by itself; undefined: nothing. */
function faultOf(input: Input, output: Output, { topic, expect }: CheckOptions): string | undefined {
  const expected = expect(input);
  if (output.key !== input.key) return 'has another key than its input';
  if (output.partition !== input.partition) return `is not in partition ${input.partition} of its input`;
  if (output.kind === 'dead-letter') {
    if (expected.deadLetterCodes?.includes(output.code ?? '') !== true) return `should not be there (${output.code})`;
    return output.value === input.value ? undefined : 'does not hold the bytes of its input';
  }
  if (output.id !== `${topic}-${input.partition}-${input.offset}`) return `has the id ${output.id}`;
  const score = output.isDegraded === true ? expected.degradedScore : expected.score;
  if (score === undefined) return output.isDegraded === true ? 'is degraded and should not be' : 'should not be there';
  return isClose(output.score, score) ? undefined : `has the score ${output.score}, not ${score}`;
}

/** True when a second record of an input says the same as the first. */
function isRepeat(first: Output, second: Output): boolean {
  if (first.kind !== second.kind) return false;
  if (first.kind === 'dead-letter') return first.code === second.code && first.value === second.value;
  // A stand-in may have become a real value in between: both scores were held against what they should be.
  return first.id === second.id && (first.isDegraded !== second.isDegraded || isClose(first.score, second.score ?? Number.NaN));
}

function isClose(score: number | undefined, expected: number): boolean {
  return score !== undefined && Math.abs(score - expected) <= TOLERANCE;
}

function sourceKey(partition: number, offset: number): string {
  return `${partition} ${offset}`;
}

function where(output: Output): string {
  return `${output.kind} ${output.partition}@${output.offset} of input ${output.sourcePartition}@${output.sourceOffset}`;
}

/** Keeps the first few of each kind. */
class Examples {
  readonly texts: string[] = [];
  private readonly counts = new Map<string, number>();

  add(kind: string, text: string): void {
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    if (count <= EXAMPLES_OF_EACH) this.texts.push(`${kind}: ${text}`);
  }
}
