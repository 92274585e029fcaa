/** Labels for `weir profile build`: all of the labels topic in memory, to be looked up by row. */
import type { Kafka } from 'kafkajs';
import type { RecordBatch } from '../../core/records.ts';
import type { Rows } from '../../core/rows.ts';
import type { PerformanceTask } from '../../drift/performance/layout.ts';
import { partitionRanges, readRanges } from '../../kafka/topic-reader.ts';
import { waitOut } from '../waiting.ts';
import { createLabelReader, type LabelReader, type LabelsConfig, type LabelReaderOptions, MAX_LABEL_ROWS } from './label-reader.ts';

/** What turned out to be true of rows. */
export interface Truths {
  readonly task: PerformanceTask;
  /** The truth of each row, see `countLabel`; NaN where it is not known. Void once it is asked again. */
  of(rows: Rows): Float64Array;
}

/** What `readTruths` reads with. */
export interface ReadTruthsOptions extends LabelReaderOptions {
  readonly kafka: Kafka;
  readonly signal: AbortSignal;
}

/**
 * Reads the labels topic from its beginning to the end that it has now. Nothing is committed.
 * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`, `config_invalid`, `schema_invalid`
 */
export async function readTruths(options: ReadTruthsOptions): Promise<Truths> {
  const { kafka, labels, task } = options;
  const reader = await createLabelReader(options);
  const known = new LabelTable(labels.ttlMs);
  const ranges = await partitionRanges(kafka, labels.topic);
  for await (const batch of readRanges(kafka, labels.topic, ranges, { openTransactions: 'stop' })) {
    for (let from = 0; from < batch.count; from += MAX_LABEL_ROWS) await known.add(reader, batch, from, options);
  }
  return truthsFrom(known, labels.match, task);
}

/**
 * Looks rows up by the keys of their records, or by the ids that their predictions will have.
 * @param known all labels
 */
export function truthsFrom(known: Pick<LabelTable, 'truthOf'>, match: LabelsConfig['match'], task: PerformanceTask): Truths {
  let truths = new Float64Array(0);
  return {
    task,
    of(rows) {
      if (truths.length < rows.count) truths = new Float64Array(rows.count);
      for (const { records, from, to, fromRow } of rows.slices) {
        for (let i = from; i < to; i++) {
          const row = fromRow + i - from;
          const id = match === 'key' ? keyOf(records, i) : `${records.topic}-${records.partition}-${records.offsets[i]!}`;
          truths[row] = id === undefined ? Number.NaN : known.truthOf(id, rows.eventTimeMs[row]!);
        }
      }
      return truths;
    },
  };
}

/** All labels of each id, in the order of the log. */
export class LabelTable {
  private readonly ttlMs: number;
  /** Time and truth in turn. */
  private readonly labels = new Map<string, number[]>();

  /** @param ttlMs a label holds for events at most so far from its time */
  constructor(ttlMs: number) {
    this.ttlMs = ttlMs;
  }

  /** Adds the labels of a stretch of a batch. The registry is waited for where it is needed. */
  async add(
    reader: LabelReader,
    batch: RecordBatch,
    from: number,
    waiting: Pick<ReadTruthsOptions, 'clock' | 'logger' | 'signal'>,
  ): Promise<void> {
    const { count, idBuffer, idStart, idLength, truth, timeMs } = await waitOut(waiting, 'schemas of labels', () =>
      reader.read(batch, from, 0),
    );
    for (let row = 0; row < count; row++) {
      if (idLength[row]! < 0 || Number.isNaN(truth[row]!)) continue;
      this.put(textAt(idBuffer, idStart[row]!, idLength[row]!), timeMs[row]!, truth[row]!);
    }
  }

  /** Adds one label. */
  put(id: string, timeMs: number, truth: number): void {
    const known = this.labels.get(id);
    if (known) known.push(timeMs, truth);
    else this.labels.set(id, [timeMs, truth]);
  }

  /** The last label of an id that is near enough to an event: one that comes later corrects those before. NaN: there is none. */
  truthOf(id: string, eventTimeMs: number): number {
    const known = this.labels.get(id) ?? [];
    for (let i = known.length - 2; i >= 0; i -= 2) if (Math.abs(known[i]! - eventTimeMs) <= this.ttlMs) return known[i + 1]!;
    return Number.NaN;
  }
}

function keyOf({ buffer, keyStart, keyLength }: RecordBatch, i: number): string | undefined {
  return keyLength[i]! < 0 ? undefined : textAt(buffer, keyStart[i]!, keyLength[i]!);
}

/** Latin-1: one character a byte, so that keys that are no text differ when their bytes do. */
function textAt(buffer: Buffer, start: number, length: number): string {
  return buffer.toString('latin1', start, start + length);
}
