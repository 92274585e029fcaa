import { isUtf8 } from 'node:buffer';
import type { RowLayout } from '../core/layout.ts';
import type { OutputRecords } from '../core/outputs.ts';
import type { RecordBatch, RecordSlice } from '../core/records.ts';
import { type Rows, type Scores, STATUS_OK } from '../core/rows.ts';
import { createHeaderScanner } from './header-scanner.ts';
import type { OutputFraming } from './output-framing.ts';
import { copyBytes, digitCount, encodeString, MAX_VARINT_BYTES, writeDigits, writeDouble, writeFloat, writeLong } from './primitives.ts';

/** Options of `createPredictionEncoder`. */
export interface PredictionEncoderOptions {
  readonly layout: RowLayout;
  readonly framing: OutputFraming;
  readonly model: { readonly name: string; readonly version: string };
  /** Default `champion`. */
  readonly arm?: string;
  /** Key, value and headers of a prediction together; a larger one fails its row as `output_too_large`. Default: no limit. */
  readonly maxRecordBytes?: number;
}

/** Writes predictions of the rows that are ok. */
export interface PredictionEncoder {
  /**
   * Appends one `weir.v1.Prediction` (`schemas/prediction.avsc`) for each row whose status is ok. Key, partition number and
   * the headers `traceparent` and `tracestate` are those of the input record; the record timestamp is `scoredAtMs`, since
   * retention goes by it and replayed events may be years old.
   */
  encodePredictions(rows: Rows, scores: Scores, scoredAtMs: number, into: OutputRecords): void;
}

const TRACE_HEADERS = ['traceparent', 'tracestate'] as const;

/** Labels kept in encoded form. Models have few; a model that makes them up must not fill memory. */
const MAX_LABELS = 1_000;

/** Fixed-size fields of a prediction: eight longs and lengths, a double, four one-byte branches, the digits of two integers. */
const FIXED_BYTES = 12 * MAX_VARINT_BYTES + 8 + 4 + 32;

/** Creates the encoder of one model version. All texts that repeat are encoded here, once. */
export function createPredictionEncoder(options: PredictionEncoderOptions): PredictionEncoder {
  const { layout, framing, model, arm = 'champion', maxRecordBytes = Number.POSITIVE_INFINITY } = options;
  const { prefix } = framing;
  const modelFields = Buffer.concat([encodeString(model.name), encodeString(model.version), encodeString(arm)]);
  const columnNames = layout.columns.map((column) => encodeString(column.name));
  const allNamesBytes = columnNames.reduce((sum, name) => sum + name.length, 0);
  const words = layout.degradedWords;
  const scanner = createHeaderScanner(TRACE_HEADERS);
  const headerNames = TRACE_HEADERS.map(encodeString);
  const topics = new Map<string, TopicTexts>();
  const labels = new Map<string, Buffer>();
  const extraNames = new Map<string, Buffer>();

  const labelBytes = (label: string): Buffer => {
    const known = labels.get(label);
    if (known) return known;
    if (labels.size >= MAX_LABELS) labels.clear();
    const encoded = encodeString(label);
    labels.set(label, encoded);
    return encoded;
  };
  const extraNameBytes = (name: string): Buffer => {
    const known = extraNames.get(name) ?? encodeString(name);
    extraNames.set(name, known);
    return known;
  };

  const writeDegraded = (buffer: Buffer, at: number, rows: Rows, row: number): number => {
    let count = 0;
    for (let w = 0; w < words; w++) count += bitCount(rows.degraded[row * words + w]!);
    buffer[at++] = count > 0 ? 2 : 0; // enum index, zigzag: 0 OK, 1 DEGRADED
    if (count > 0) {
      at = writeLong(buffer, at, count);
      for (let c = 0; c < columnNames.length; c++) {
        if (((rows.degraded[row * words + (c >>> 5)]! >>> (c & 31)) & 1) === 0) continue;
        const name = columnNames[c]!;
        at = copyBytes(buffer, at, name, 0, name.length);
      }
    }
    buffer[at++] = 0;
    return at;
  };

  const writeOutputs = (buffer: Buffer, at: number, extras: Scores['extras'], row: number): number => {
    if (extras.length === 0) {
      buffer[at++] = 0;
      return at;
    }
    buffer[at++] = 2;
    at = writeLong(buffer, at, extras.length);
    for (let e = 0; e < extras.length; e++) {
      const { name, width, values } = extras[e]!;
      const encoded = extraNameBytes(name);
      at = copyBytes(buffer, at, encoded, 0, encoded.length);
      if (width > 0) {
        at = writeLong(buffer, at, width);
        for (let i = 0; i < width; i++) at = writeFloat(buffer, at, values[row * width + i]!);
      }
      buffer[at++] = 0;
    }
    buffer[at++] = 0;
    return at;
  };

  /** Headers that pass on: count, then name and value of those that the record has. */
  const writeTraceHeaders = (buffer: Buffer, at: number, records: RecordBatch): number => {
    const { starts, lengths } = scanner;
    const present = (lengths[0]! >= 0 ? 1 : 0) + (lengths[1]! >= 0 ? 1 : 0);
    buffer[at++] = present * 2;
    for (let h = 0; h < 2; h++) {
      if (lengths[h]! < 0) continue;
      const name = headerNames[h]!; // the varints of Kafka headers are those of Avro
      at = copyBytes(buffer, at, name, 0, name.length);
      at = writeLong(buffer, at, lengths[h]!);
      at = copyBytes(buffer, at, records.buffer, starts[h]!, lengths[h]!);
    }
    return at;
  };

  const encodeSlice = (rows: Rows, scores: Scores, scoredAtMs: number, into: OutputRecords, slice: RecordSlice): void => {
    const { records, from, to, fromRow } = slice;
    const { partition } = records;
    const topic = topicTexts(topics, records.topic);
    const { extras, label: labelsOfRows } = scores;
    let extrasBytes = 2 * MAX_VARINT_BYTES;
    for (const { name, width } of extras) extrasBytes += extraNameBytes(name).length + MAX_VARINT_BYTES + 1 + 4 * width;
    const partitionDigits = digitCount(partition);

    for (let index = from, row = fromRow; index < to; index++, row++) {
      if (rows.status[row] !== STATUS_OK) continue;
      const offset = records.offsets[index]!;
      const keyLength = records.keyLength[index]!;
      const keyFrom = records.keyStart[index]!;
      const headerFrom = records.headerStart[index]!;
      const hasTrace =
        records.headerLength[index]! > 0 &&
        scanner.scan(records.buffer, headerFrom, records.headerLength[index]!) &&
        (scanner.lengths[0]! >= 0 || scanner.lengths[1]! >= 0);
      const labelText = labelsOfRows?.[row];
      const label = labelText === undefined ? undefined : labelBytes(labelText);

      const bound =
        prefix.length +
        FIXED_BYTES +
        modelFields.length +
        2 * topic.name.length +
        2 * Math.max(0, keyLength) +
        (label?.length ?? 0) +
        extrasBytes +
        allNamesBytes +
        (hasTrace ? 64 + Math.max(0, scanner.lengths[0]!) + Math.max(0, scanner.lengths[1]!) : 0);
      const start = into.room(bound);
      const { buffer } = into;

      const keyStart = start;
      let at = keyLength > 0 ? copyBytes(buffer, start, records.buffer, keyFrom, keyLength) : start;
      const valueStart = at;
      at = copyBytes(buffer, at, prefix, 0, prefix.length);
      const offsetDigits = digitCount(offset);
      at = writeLong(buffer, at, topic.text.length + 1 + partitionDigits + 1 + offsetDigits);
      at = copyBytes(buffer, at, topic.text, 0, topic.text.length);
      buffer[at++] = DASH;
      at = writeDigits(buffer, at, partition, partitionDigits);
      buffer[at++] = DASH;
      at = writeDigits(buffer, at, offset, offsetDigits);
      at = copyBytes(buffer, at, modelFields, 0, modelFields.length);
      if (keyLength >= 0 && isText(records.buffer, keyFrom, keyLength)) {
        buffer[at++] = 2;
        at = writeLong(buffer, at, keyLength);
        at = copyBytes(buffer, at, records.buffer, keyFrom, keyLength);
      } else {
        buffer[at++] = 0;
      }
      const eventTimeMs = Math.trunc(rows.eventTimeMs[row]!);
      // A producer may write any long; one that is no exact integer here is nonsense as a time.
      at = writeLong(buffer, at, Number.isSafeInteger(eventTimeMs) ? eventTimeMs : records.timestamps[index]!);
      at = writeLong(buffer, at, scoredAtMs);
      at = writeDouble(buffer, at, scores.score[row]!);
      if (label === undefined) {
        buffer[at++] = 0;
      } else {
        buffer[at++] = 2;
        at = copyBytes(buffer, at, label, 0, label.length);
      }
      at = writeOutputs(buffer, at, extras, row);
      at = writeDegraded(buffer, at, rows, row);
      at = copyBytes(buffer, at, topic.name, 0, topic.name.length);
      at = writeLong(buffer, at, partition);
      at = writeLong(buffer, at, offset);
      const headerStart = at;
      if (hasTrace) at = writeTraceHeaders(buffer, at, records);

      if (at - start > maxRecordBytes) {
        const message = `The prediction has ${at - start} bytes; topic ${into.topic} takes ${maxRecordBytes}.`;
        rows.fail(row, 'output_too_large', message);
        continue; // what was written is not taken into use
      }
      into.commit(at - start);
      into.add(
        partition,
        scoredAtMs,
        keyStart,
        keyLength,
        valueStart,
        headerStart - valueStart,
        hasTrace ? headerStart : 0,
        hasTrace ? at - headerStart : 0,
      );
    }
  };

  return {
    encodePredictions(rows, scores, scoredAtMs, into) {
      const wholeMs = Math.trunc(scoredAtMs);
      for (const slice of rows.slices) encodeSlice(rows, scores, wholeMs, into, slice);
    },
  };
}

const DASH = 0x2d;

/** A topic's name as bytes (`text`) and as an Avro string (`name`). */
interface TopicTexts {
  readonly text: Buffer;
  readonly name: Buffer;
}

function topicTexts(cache: Map<string, TopicTexts>, topic: string): TopicTexts {
  let texts = cache.get(topic);
  if (!texts) {
    texts = { text: Buffer.from(topic), name: encodeString(topic) };
    cache.set(topic, texts);
  }
  return texts;
}

/** Whether the bytes are UTF-8. Keys are nearly always ASCII, which needs neither a call nor a view. */
function isText(buffer: Buffer, start: number, length: number): boolean {
  const end = start + length;
  for (let i = start; i < end; i++) if (buffer[i]! > 0x7f) return isUtf8(buffer.subarray(start, end));
  return true;
}

function bitCount(word: number): number {
  let rest = word - ((word >>> 1) & 0x5555_5555);
  rest = (rest & 0x3333_3333) + ((rest >>> 2) & 0x3333_3333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
