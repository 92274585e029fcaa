/** Reads what went in and what came out, and hands it to the checker. */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { type Account, account, type Expectation, type Input, type Output } from './checker.ts';
import { countedDeltas, windowProblems } from './deltas.ts';
import { accountForDrift, type DriftAccount, driftProblemsOf } from './drift-account.ts';
import { isPoisonKey, sequenceIn } from './events.ts';
import { Fleet } from './fleet.ts';
import type { Load } from './load.ts';
import { type ChaosPipeline, DRIFT_TOPICS, TOPICS } from './pipeline.ts';
import { type ReadRecord, readCommitted } from './reader.ts';
import { type Findings, pause, type ScenarioContext } from './scenario.ts';
import { type ExpectedScores, expectedScores } from './scores.ts';

const PREDICTION = avsc.Type.forSchema(
  JSON.parse(readFileSync(new URL('../../schemas/prediction.avsc', import.meta.url), 'utf8')) as avsc.Schema,
);

interface Prediction {
  readonly predictionId: string;
  readonly score: number;
  readonly status: 'OK' | 'DEGRADED';
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number };
}

/** What is special about the account of a scenario. */
export interface AccountOptions {
  /** What may come of an input; default: a whole prediction with the score of its event. */
  readonly expect?: (input: Input, scores: ExpectedScores) => Expectation;
  /** Bytes before the Avro body of an event. */
  readonly framingBytes?: number;
  /** At-least-once too must repeat nothing. */
  readonly isOrderly?: boolean;
  /** Records at the end of the log that need not be committed, such as markers of transactions. */
  readonly allowedLag?: number;
  /** Events that were sent need not be in the input topic: aborted, compacted. */
  readonly mayLack?: boolean;
  /** What the input topic held, read earlier, where it has lost records since. */
  readonly inputs?: readonly Input[];
  /** More that must hold of the outputs; what does not, in words. */
  readonly also?: (outputs: readonly Output[]) => readonly string[];
  /** Workers may end by themselves. */
  readonly mayEnd?: boolean;
  readonly faults: number;
  readonly problems?: readonly string[];
  readonly notes?: readonly string[];
}

/** Reads the topics of a pipeline and accounts for them; call it when the workers have ended. */
export async function accountFor(
  context: ScenarioContext,
  pipeline: ChaosPipeline,
  load: Load,
  fleet: Fleet,
  options: AccountOptions,
): Promise<Findings> {
  const topics = options.inputs ? [TOPICS.predictions, TOPICS.deadLetters] : Object.values(TOPICS);
  const records = await readCommitted(
    pipeline.brokers,
    pipeline.countsDrift ? [...topics, DRIFT_TOPICS.profiles, DRIFT_TOPICS.counts] : topics,
  );
  const inputs = options.inputs ?? inputsFrom(records, options.framingBytes);
  const scores = await expectedScores(context.seed, load.sent);
  const expect = options.expect ?? ((input: Input, { full }: ExpectedScores): Expectation => ({ score: full[input.sequence ?? -1] }));
  const outputs = outputsFrom(records);
  const found = account(inputs, outputs, { topic: TOPICS.input, expect: (input) => expect(input, scores) });
  const drift = pipeline.countsDrift ? accountForDrift(TOPICS.input, outputs, countedDeltas(records)) : undefined;
  const problems = [...problemsOf(context, { ...found, drift }, options), ...(options.problems ?? []), ...(options.also?.(outputs) ?? [])];
  if (drift) problems.push(...(await mergedProblems(context, pipeline, records)));
  const sequences = new Set(inputs.map(({ sequence }) => sequence));
  const lacking = Array.from({ length: load.sent }, (_, sequence) => sequence).filter((sequence) => !sequences.has(sequence)).length;
  const poison = inputs.filter(({ sequence }) => sequence === undefined).length;
  if (options.mayLack !== true && lacking > poison) problems.push(`the load lost ${lacking} events on their way into the input topic`);
  if (options.mayEnd !== true) problems.push(...fleet.endings);
  return { ...found, drift, faults: options.faults, problems, notes: [...(options.notes ?? []), ...noteOf(drift)] };
}

/** A worker that takes over merges the rest within so long: it starts, waits for the session of the last one, reads and publishes. */
const MERGE_ATTEMPTS = 20;
const MERGE_PAUSE_MS = 2_000;

/**
 * What is wrong with the windows of drift. The workers write their last counts as they end, and whoever merged them has ended too: a worker
 * that is started afterwards finishes what they have left.
 */
async function mergedProblems(context: ScenarioContext, pipeline: ChaosPipeline, records: readonly ReadRecord[]): Promise<string[]> {
  let problems = windowProblems(records);
  if (problems.length === 0) return problems;
  const closing = new Fleet(context, { file: pipeline.file });
  await closing.start(CLOSING_SLOT);
  for (let attempt = 0; attempt < MERGE_ATTEMPTS && problems.length > 0; attempt++) {
    await pause(MERGE_PAUSE_MS, context.signal);
    problems = windowProblems(await readCommitted(pipeline.brokers, [DRIFT_TOPICS.profiles, DRIFT_TOPICS.counts]));
  }
  await closing.drainAll();
  return [...problems, ...closing.endings];
}

/** A slot that no scenario uses. */
const CLOSING_SLOT = 90;

/** The records of the input topic as the checker takes them. */
export function inputsFrom(records: readonly ReadRecord[], framingBytes = 0): Input[] {
  return records.filter(({ topic }) => topic === TOPICS.input).map((record) => inputFrom(record, framingBytes));
}

/** Predictions and dead letters as the checker takes them. */
export function outputsFrom(records: readonly ReadRecord[]): Output[] {
  return records.flatMap((record): Output | [] => {
    if (record.topic === TOPICS.predictions) return predictionFrom(record);
    return record.topic === TOPICS.deadLetters ? deadLetterFrom(record) : [];
  });
}

/** A record of the input topic as the checker takes it. */
export function inputFrom({ partition, offset, timestampMs, key, value }: ReadRecord, framingBytes: number): Input {
  const isEvent = value !== null && !value.startsWith('#') && !isPoisonKey(key);
  const sequence = isEvent ? sequenceIn(Buffer.from(value, 'base64'), framingBytes) : undefined;
  return { partition, offset, timestampMs, key, value, sequence };
}

function predictionFrom({ partition, offset, key, value }: ReadRecord): Output {
  const { predictionId, score, status, source } = PREDICTION.fromBuffer(Buffer.from(value ?? '', 'base64')) as Prediction;
  return {
    ...{ kind: 'prediction', partition, offset, key, id: predictionId, score, isDegraded: status === 'DEGRADED' },
    ...{ sourceTopic: source.topic, sourcePartition: source.partition, sourceOffset: source.offset },
  };
}

function deadLetterFrom({ partition, offset, key, value, headers }: ReadRecord): Output {
  return {
    ...{ kind: 'dead-letter', partition, offset, key, value, code: headers['weir.error.code'] ?? '' },
    sourceTopic: headers['weir.error.topic'] ?? '',
    sourcePartition: Number(headers['weir.error.partition']),
    sourceOffset: Number(headers['weir.error.offset']),
  };
}

function noteOf(drift: DriftAccount | undefined): string[] {
  if (!drift) return [];
  const { predictions, counted, missing, twice, wrong } = drift;
  return [`drift: ${counted} rows counted of ${predictions} predictions, ${missing} missing, ${twice} twice, ${wrong} wrong`];
}

/** What the account of a run must be. */
export function problemsOf(
  { delivery }: Pick<ScenarioContext, 'delivery'>,
  found: Account & { readonly drift?: DriftAccount | undefined },
  options: Pick<AccountOptions, 'isOrderly'>,
): string[] {
  const problems: string[] = [];
  if (found.inputs === 0) problems.push('there were no inputs');
  if (found.lost > 0) problems.push(`${found.lost} lost`);
  if (found.wrong > 0) problems.push(`${found.wrong} wrong`);
  if (found.reordered > 0) problems.push(`${found.reordered} reordered`);
  // At-least-once may repeat rows; counted is each once, all the same.
  const isExact = delivery === 'exactly-once' || options.isOrderly === true;
  if (found.duplicated > 0 && isExact) problems.push(`${found.duplicated} duplicated`);
  const ofDrift = found.drift ? driftProblemsOf(found.drift) : [];
  return [...problems, ...(problems.length > 0 ? found.examples : []), ...ofDrift];
}
