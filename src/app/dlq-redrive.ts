/**
 * `weir dlq redrive`: writes the records of dead letters back to a topic.
 *
 * Redriven records and a marker that names their dead letters are written in one transaction, the marker into the partition
 * of the dead letters. So what has been redriven is known exactly, whatever filters were used and however a redrive
 * ended. A position of a consumer group could not say it: filters leave holes, and brokers forget the positions of groups
 * without members after `offsets.retention.minutes`, by default 7 days.
 */
import { WeirError } from '../core/errors.ts';
import { OutputRecords } from '../core/outputs.ts';
import { TransactionWriter } from '../kafka/transaction-writer.ts';
import { OFFSETS_HEADER, redrivenHeaders, TARGET_HEADER } from './dlq-headers.ts';
import { formatOffsets } from './dlq-ledger.ts';
import type { DeadLetter } from './dlq-letter.ts';
import { planRedrive, type RedrivePlan } from './dlq-plan.ts';
import { type DeadLetterTopic, type DlqOptions, openDeadLetters, readLedger, readLetters } from './dlq-topic.ts';

/** How to redrive. */
export interface RedriveOptions extends DlqOptions {
  /** Topic to write to; default: the input topic of the pipeline. */
  readonly to?: string;
  /** A record that has been redriven so often is left alone. */
  readonly maxAttempts: number;
  /** Dead letters at most, the first ones of each partition in turn. */
  readonly limit?: number;
  /** Redrive what has been redriven before, too. */
  readonly again: boolean;
  /** Only plan; nothing is written, and another redrive is not disturbed. */
  readonly dryRun: boolean;
  /** Asked once it is known what would be done. */
  readonly confirm: (plan: RedrivePlan, target: string) => Promise<boolean>;
  /** Called with the number of records written. */
  readonly onWritten?: (records: number) => void;
}

/** What became of it. */
export interface RedriveReport {
  readonly plan: RedrivePlan;
  readonly target: string;
  /** Records written; 0 after a dry run or when it was not confirmed. */
  readonly written: number;
  readonly isConfirmed: boolean;
}

/** Bounds of one transaction. */
const MAX_RECORDS = 1_000;
const MAX_BYTES = 4 << 20;

/**
 * Plans, asks, and redrives. Every record is written exactly once, as far as readers of the target read committed records only.
 * @throws WeirError `redrive_superseded` when another redrive of the pipeline begins; `topic_missing` and what Kafka says
 */
export async function redriveDeadLetters(options: RedriveOptions): Promise<RedriveReport> {
  const { config, to: target = config.input.topic, dryRun } = options;
  const from = await openDeadLetters(options);
  if (target === from.topic)
    throw new WeirError('config_invalid', `${target} is the dead-letter topic itself: name another topic with --to.`);
  const writer = new TransactionWriter({
    kafka: from.kafka,
    transactionalId: `${config.kafka.groupId}-redrive`,
    topics: [target, from.topic],
  });
  try {
    // Before the markers are read: from here on no other redrive can add any.
    await (dryRun ? writer.lookUp() : writer.start());
    const current = dryRun ? from : await openDeadLetters(options);
    const ledger = await readLedger(current, { openTransactions: dryRun ? 'stop' : 'wait' });
    const labels = config.labels && { topic: config.labels.topic, isTarget: target === config.labels.topic };
    const rules = { ...options, ledger, ...(labels && { labels }), maxRecordBytes: writer.maxRecordBytes(target) };
    const plan = await planRedrive(current, options.filter, rules, options.limit ?? Number.POSITIVE_INFINITY);
    const isConfirmed = !dryRun && plan.total > 0 && (await options.confirm(plan, target));
    const written = isConfirmed ? await carryOut(current, plan, target, writer, options.onWritten ?? (() => {})) : 0;
    return { plan, target, written, isConfirmed };
  } finally {
    await writer.close();
  }
}

/** Writes what the plan has chosen, partition by partition, a transaction a stretch. */
async function carryOut(
  from: DeadLetterTopic,
  plan: RedrivePlan,
  target: string,
  writer: Pick<TransactionWriter, 'write'>,
  onWritten: (records: number) => void,
): Promise<number> {
  const records = new OutputRecords(target);
  const marker = new OutputRecords(from.topic);
  let written = 0;
  for (const [partition, offsets] of plan.chosen) {
    const chosen = new Set(offsets);
    const stretch = [{ partition, from: offsets[0]!, to: offsets.at(-1)! + 1 }];
    let taken: number[] = [];
    const write = async (): Promise<void> => {
      if (taken.length === 0) return;
      marker.clear();
      pushMarker(marker, partition, taken, target);
      await writer.write([records, marker]);
      onWritten((written += taken.length));
      records.clear();
      taken = [];
    };
    for await (const letter of readLetters(from, {}, stretch)) {
      if (!chosen.has(letter.offset)) continue;
      pushRecord(records, letter);
      taken.push(letter.offset);
      if (taken.length >= MAX_RECORDS || records.bytes >= MAX_BYTES) await write();
    }
    await write();
  }
  if (written < plan.total)
    throw new WeirError(
      'kafka_unavailable',
      `${plan.total - written} of ${plan.total} dead letters could not be read again; ${written} were redriven.`,
    );
  return written;
}

/**
 * The record as it was: key, value, headers and timestamp, and its attempt. Into the partition that it came from when it goes
 * back to its topic, so that it stays with its key whatever partitioner its producer has; else where its key belongs.
 */
export function pushRecord(records: OutputRecords, { source, key, value, headers, attempt }: DeadLetter): void {
  const keyStart = key ? records.put(key) : 0;
  const valueStart = value ? records.put(value) : 0;
  const encoded = redrivenHeaders(headers, attempt + 1);
  const headerStart = records.put(encoded);
  const partition = source.topic === records.topic ? source.partition : -1;
  records.add(partition, source.timestampMs, keyStart, key?.length ?? -1, valueStart, value?.length ?? -1, headerStart, encoded.length);
}

function pushMarker(marker: OutputRecords, partition: number, offsets: readonly number[], target: string): void {
  const headers = [
    { key: OFFSETS_HEADER, value: Buffer.from(formatOffsets(offsets)) },
    { key: TARGET_HEADER, value: Buffer.from(target) },
  ];
  marker.push({ partition, timestampMs: Date.now(), key: null, value: null, headers });
}
