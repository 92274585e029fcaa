import type { RecordBatch } from '../core/records.ts';
import { attemptOf, type HeaderSpan, headerSpans, headerText, OFFSETS_HEADER } from './dlq-headers.ts';

/** A dead letter as a person looks at it; `src/avro/dead-letter-encoder.ts` writes them. Views into the batch it came from. */
export interface DeadLetter {
  /** Where the dead letter is. */
  readonly partition: number;
  readonly offset: number;
  /** When it was written. */
  readonly timestampMs: number;
  readonly code: string;
  readonly stage: string;
  readonly message: string;
  /** Where the input record is, and its timestamp. */
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number; readonly timestampMs: number };
  /** Empty when no schema id could be read. */
  readonly schemaId: string;
  readonly modelVersion: string;
  readonly worker: string;
  /** How often the record had been redriven before it failed. */
  readonly attempt: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Size of the value where it was too large for the dead-letter topic and was left out. */
  readonly omittedBytes: number | undefined;
  /** Headers of the input record. */
  readonly headers: readonly HeaderSpan[];
  /** Bytes of the input record's headers where they are not headers; then `headers` is empty. */
  readonly rawHeaders: Buffer | undefined;
}

/** What a record of the dead-letter topic is. */
export type DeadLetterRecord =
  | { readonly kind: 'letter'; readonly letter: DeadLetter }
  /** Says that other records of its partition have been redriven. */
  | { readonly kind: 'marker'; readonly offsets: string }
  /** Not written by weir. */
  | { readonly kind: 'foreign' };

const FOREIGN = { kind: 'foreign' } as const;

/**
 * Reads a record of a dead-letter topic. weir appends its headers to those of the input, so they begin at the last
 * `weir.error.code`: an input record that carries such headers itself cannot pretend anything.
 */
export function readDeadLetter(records: RecordBatch, index: number): DeadLetterRecord {
  const { buffer } = records;
  const spans = headerSpans(buffer, records.headerStart[index]!, records.headerLength[index]!);
  if (!spans) return FOREIGN;
  const own = spans.findLastIndex(({ key }) => key === 'weir.error.code');
  const key = bytesAt(buffer, records.keyStart[index]!, records.keyLength[index]!);
  const value = bytesAt(buffer, records.valueStart[index]!, records.valueLength[index]!);
  if (own < 0) {
    const offsets = key === null && value === null ? headerText(spans, OFFSETS_HEADER) : undefined;
    return offsets === undefined ? FOREIGN : { kind: 'marker', offsets };
  }
  const said = spans.slice(own);
  const text = (name: string): string => headerText(said, `weir.error.${name}`) ?? '';
  let before = spans.slice(0, own);
  const omitted = value === null && before.at(-1)?.key === 'weir.error.value.bytes' ? Number(before.at(-1)!.value) : undefined;
  if (omitted !== undefined) before = before.slice(0, -1);
  const raw = before.length === 1 && before[0]!.key === 'weir.error.headers.raw' ? before[0]!.value : null;
  const headers = raw ? [] : before;
  return {
    kind: 'letter',
    letter: {
      partition: records.partition,
      offset: records.offsets[index]!,
      timestampMs: records.timestamps[index]!,
      code: text('code'),
      stage: text('stage'),
      message: text('message'),
      source: {
        topic: text('topic'),
        partition: Number(text('partition')),
        offset: Number(text('offset')),
        timestampMs: Number(text('timestamp')),
      },
      schemaId: text('schema.id'),
      modelVersion: text('model.version'),
      worker: text('worker'),
      attempt: attemptOf(headers),
      key,
      value,
      omittedBytes: omitted,
      headers,
      rawHeaders: raw ?? undefined,
    },
  };
}

function bytesAt(buffer: Buffer, start: number, length: number): Buffer | null {
  return length < 0 ? null : buffer.subarray(start, start + length);
}
