import type { PipelineConfig } from '../config/index.ts';
import type { Logger } from '../core/ports.ts';
import { createKafka } from '../kafka/client.ts';
import { type PartitionRange, partitionRanges, readRanges, type ReadOptions } from '../kafka/topic-reader.ts';
import { type LetterFilter, matches } from './dlq-filter.ts';
import { RedriveLedger } from './dlq-ledger.ts';
import { type DeadLetter, readDeadLetter } from './dlq-letter.ts';

/** What the dlq commands are told. */
export interface DlqOptions {
  readonly config: PipelineConfig;
  /** Dead-letter topic; default: that of the pipeline. */
  readonly topic?: string;
  readonly filter: LetterFilter;
  readonly logger: Logger;
  /** Called now and then with the number of records read. */
  readonly onProgress?: (records: number) => void;
}

/** A dead-letter topic as it was when it was opened: what comes later is not looked at. */
export interface DeadLetterTopic {
  readonly kafka: ReturnType<typeof createKafka>;
  readonly topic: string;
  readonly ranges: readonly PartitionRange[];
  readonly onProgress: (records: number) => void;
}

/** A dead letter and whether it has been redriven. */
export interface ListedLetter {
  readonly letter: DeadLetter;
  readonly isRedriven: boolean;
}

const PROGRESS_EVERY = 10_000;

/** Looks where the dead-letter topic begins and ends. @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable` */
export async function openDeadLetters({ config, topic, filter, logger, onProgress }: DlqOptions): Promise<DeadLetterTopic> {
  const kafka = createKafka(config.kafka, logger, { retries: 2 });
  const name = topic ?? config.output.deadLetters.topic;
  const ranges = await partitionRanges(kafka, name, filter.sinceMs);
  const wanted = ranges.filter(({ partition }) => filter.partitions?.includes(partition) ?? true);
  return { kafka, topic: name, ranges: wanted, onProgress: onProgress ?? (() => {}) };
}

/** Reads which dead letters have been redriven: the whole topic, since markers stand among the dead letters. */
export async function readLedger(from: DeadLetterTopic, options: ReadOptions = { openTransactions: 'stop' }): Promise<RedriveLedger> {
  const ledger = new RedriveLedger();
  const seen = countProgress(from.onProgress);
  for await (const batch of readRanges(from.kafka, from.topic, from.ranges, options)) {
    for (let i = 0; i < batch.count; i++) {
      // A marker has neither key nor value, so what has one need not be looked into.
      if (batch.keyLength[i]! >= 0 || batch.valueLength[i]! >= 0) continue;
      const record = readDeadLetter(batch, i);
      if (record.kind === 'marker') ledger.add(batch.partition, record.offsets);
    }
    seen(batch.count);
  }
  return ledger;
}

/**
 * The dead letters that a filter means, partition by partition in offset order. A letter holds views into what was fetched
 * with it: keep few of them.
 */
export async function* readLetters(from: DeadLetterTopic, filter: LetterFilter, ranges = from.ranges): AsyncGenerator<DeadLetter> {
  const ends = new Map(ranges.map(({ partition, to }) => [partition, to]));
  const seen = countProgress(from.onProgress);
  for await (const batch of readRanges(from.kafka, from.topic, ranges, { openTransactions: 'stop' })) {
    for (let i = 0; i < batch.count && batch.offsets[i]! < ends.get(batch.partition)!; i++) {
      const record = readDeadLetter(batch, i);
      if (record.kind === 'letter' && matches(filter, record.letter)) yield record.letter;
    }
    seen(batch.count);
  }
}

function countProgress(onProgress: (records: number) => void): (records: number) => void {
  let seen = 0;
  let told = 0;
  return (records) => {
    seen += records;
    if (seen - told < PROGRESS_EVERY) return;
    told = seen;
    onProgress(seen);
  };
}
