/**
 * Counts what a run has done by reading the topics back: every input must have exactly one prediction or dead letter.
 * Nothing here trusts the workers' own counters.
 */
import avsc from 'avsc';
import type { Kafka, KafkaMessage } from 'kafkajs';
import { readOwnSchema } from '../../src/core/own-schemas.ts';
import { Account } from './account.ts';
import { type DriftWindow, DriftWindows } from './drift-windows.ts';
import { FLIGHT_ARRIVED_SCHEMA, type FlightArrived } from './flight-arrival.ts';
import { areLabelsExact, type LabelCheck, Outcomes } from './outcomes.ts';
import { PerformanceWindows } from './performance-windows.ts';
import { fetchRanges, readTopics, type TopicRanges } from './topic-reader.ts';

/** Topics of one run. */
export interface RunTopics {
  readonly input: string;
  readonly predictions: string;
  readonly deadLetters: string;
  readonly driftStatistics: string;
  /** Arrivals, and what they say of the predictions; absent without labels. */
  readonly labels?: string;
  readonly performance?: string;
}

/** What the topics hold. */
export interface Verification {
  /** Records of the input topic. */
  readonly events: number;
  /** Records of the predictions topic, repeated ones included. */
  readonly predictions: number;
  readonly deadLetters: number;
  readonly deadLettersByCode: ReadonlyMap<string, number>;
  /** Predictions by status (`OK`, `DEGRADED`). */
  readonly byStatus: ReadonlyMap<string, number>;
  /** Predictions whose input already has one. */
  readonly duplicates: number;
  /** Inputs with neither a prediction nor a dead letter. */
  readonly missing: number;
  /** Outputs that no input explains, and inputs that have both a prediction and a dead letter. */
  readonly unexplained: number;
  /** From the record timestamp of the input (sent) to that of the prediction (appended), milliseconds, waiting in Kafka included. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** From the first input sent to the last prediction appended. */
  readonly seconds: number;
  readonly meanScore: number;
  /** Latest revision of each window, oldest first. */
  readonly windows: readonly DriftWindow[];
  /** Null without labels. */
  readonly labels: LabelCheck | null;
  /** Partitions that could not be read to their end; empty when all is well. */
  readonly unread: readonly string[];
}

/** The fields of a prediction that are counted; the rest is skipped. */
interface PredictionSummary {
  readonly predictionId: string;
  readonly eventTime: number;
  readonly score: number;
  readonly status: string;
}

const CONFLUENT_HEADER_BYTES = 5;

/**
 * Reads input, predictions, dead letters, drift statistics and, with labels, arrivals and performance from their beginning to the end they have now.
 * @throws KafkaJSError
 */
export async function verify(kafka: Kafka, topics: RunTopics, groupId: string): Promise<Verification> {
  const admin = kafka.admin();
  await admin.connect();
  let ranges: TopicRanges;
  try {
    ranges = await fetchRanges(admin, Object.values(topics));
  } finally {
    await admin.disconnect();
  }
  const account = new Account(topics.input, ranges.get(topics.input) ?? []);
  const windows = new DriftWindows();
  const performance = new PerformanceWindows();
  const outcomes = new Outcomes();
  const arrivalType = avsc.Type.forSchema(FLIGHT_ARRIVED_SCHEMA as avsc.Schema);
  const decode = createPredictionReader();
  const byStatus = new Map<string, number>();
  const byCode = new Map<string, number>();
  let scoreSum = 0;
  let predictions = 0;

  const handlers: Record<string, (message: KafkaMessage, partition: number) => void> = {
    [topics.input]: (message, partition) => account.input(partition, Number(message.offset), Number(message.timestamp)),
    [topics.predictions]: (message) => {
      const { predictionId, eventTime, score, status } = decode(message.value);
      predictions++;
      scoreSum += score;
      count(byStatus, status);
      account.prediction(predictionId, Number(message.timestamp));
      if (topics.labels !== undefined) outcomes.prediction(message.key?.toString() ?? '', score, eventTime);
    },
    [topics.deadLetters]: (message) => {
      count(byCode, headerText(message, 'weir.error.code') ?? 'without a code');
      const topic = headerText(message, 'weir.error.topic') ?? '';
      account.deadLetter(`${topic}-${headerText(message, 'weir.error.partition')}-${headerText(message, 'weir.error.offset')}`);
    },
    [topics.driftStatistics]: (message) => windows.apply(message),
    ...(topics.labels === undefined || topics.performance === undefined
      ? {}
      : {
          [topics.labels]: ({ value }) => {
            if (!value) throw new Error('a record of the labels topic has no value');
            const { flightId, arrDelayMinutes } = arrivalType.fromBuffer(value.subarray(CONFLUENT_HEADER_BYTES)) as FlightArrived;
            outcomes.arrival(flightId, arrDelayMinutes);
          },
          [topics.performance]: (message) => performance.apply(message),
        }),
  };
  const unread = await readTopics(kafka, groupId, ranges, (topic, partition, messages) => {
    const handle = handlers[topic];
    if (handle) for (const message of messages) handle(message, partition);
  });

  const totals = account.totals();
  return {
    ...totals,
    predictions,
    deadLettersByCode: byCode,
    byStatus,
    meanScore: predictions === 0 ? 0 : scoreSum / predictions,
    windows: windows.latest(),
    labels: topics.labels === undefined ? null : outcomes.check(performance.latest()),
    unread,
  };
}

/** True when every input is accounted for exactly once, and every label. */
export function isClean(result: Verification): boolean {
  return isAccountedFor(result) && (result.labels === null || areLabelsExact(result.labels));
}

/** True when every input is accounted for exactly once. */
export function isAccountedFor(result: Verification): boolean {
  return result.events > 0 && result.missing === 0 && result.duplicates === 0 && result.unexplained === 0 && result.unread.length === 0;
}

/** Decodes only what is counted: a reader schema with four fields lets avsc skip the others. */
function createPredictionReader(): (value: Buffer | null) => PredictionSummary {
  const writer = readOwnSchema('prediction') as { readonly fields: readonly { readonly name: string }[] };
  const writerType = avsc.Type.forSchema(writer as avsc.Schema);
  const wanted = new Set(['predictionId', 'eventTime', 'score', 'status']);
  const readerType = avsc.Type.forSchema({ ...writer, fields: writer.fields.filter(({ name }) => wanted.has(name)) } as avsc.Schema);
  const resolver = readerType.createResolver(writerType);
  return (value) => {
    if (!value) throw new Error('a record of the predictions topic has no value');
    return readerType.fromBuffer(value.subarray(CONFLUENT_HEADER_BYTES), resolver) as PredictionSummary;
  };
}

function headerText(message: KafkaMessage, name: string): string | undefined {
  const value = message.headers?.[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first?.toString();
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
