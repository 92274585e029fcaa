import { isUtf8 } from 'node:buffer';
import { copyBytes, viewOf } from '../core/bytes.ts';
import type { RowLayout } from '../core/layout.ts';
import type { FramedOutputRecords } from '../core/framed-outputs.ts';
import type { RecordSlice } from '../core/records.ts';
import { type Rows, type Scores, STATUS_OK } from '../core/rows.ts';
import { createHeaderScanner } from './header-scanner.ts';
import type { OutputFraming } from './output-framing.ts';
import { digitCount, encodeString, MAX_VARINT_BYTES, writeDigits, writeLong } from './primitives.ts';

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
  encodePredictions(rows: Rows, scores: Scores, scoredAtMs: number, into: FramedOutputRecords): void;
}

const TRACE_HEADERS = ['traceparent', 'tracestate'] as const;

/** Labels kept in encoded form. Models have few; a model that makes them up must not fill memory. */
const MAX_LABELS = 1_000;

/** Fixed-size fields of a prediction: eight longs and lengths, a double, four one-byte branches, the digits of the offset. */
const FIXED_BYTES = 12 * MAX_VARINT_BYTES + 8 + 4 + 16;

/** Creates the encoder of one model version. All texts that repeat are encoded here, once. */
export function createPredictionEncoder(options: PredictionEncoderOptions): PredictionEncoder {
  const { layout, framing, model, arm = 'champion', maxRecordBytes = Number.POSITIVE_INFINITY } = options;
  const prefix = viewOf(framing.prefix);
  const modelFields = viewOf(Buffer.concat([encodeString(model.name), encodeString(model.version), encodeString(arm)]));
  const columnNames = layout.columns.map((column) => viewOf(encodeString(column.name)));
  const allNamesBytes = columnNames.reduce((sum, name) => sum + name.byteLength, 0);
  const words = layout.degradedWords;
  const scanner = createHeaderScanner(TRACE_HEADERS);
  const headerNames = TRACE_HEADERS.map((name) => viewOf(encodeString(name)));
  const partitions = new Map<string, PartitionTexts>();
  const labels = new Map<string, DataView>();
  const extraNames = new Map<string, DataView>();

  const labelBytes = (label: string): DataView => {
    const known = labels.get(label);
    if (known) return known;
    if (labels.size >= MAX_LABELS) labels.clear();
    const encoded = viewOf(encodeString(label));
    labels.set(label, encoded);
    return encoded;
  };
  const extraNameBytes = (name: string): DataView => {
    const known = extraNames.get(name) ?? viewOf(encodeString(name));
    extraNames.set(name, known);
    return known;
  };

  const writeDegraded = ({ buffer, view }: FramedOutputRecords, at: number, rows: Rows, row: number): number => {
    let count = 0;
    for (let w = 0; w < words; w++) count += bitCount(rows.degraded[row * words + w]!);
    buffer[at++] = count > 0 ? 2 : 0; // enum index, zigzag: 0 OK, 1 DEGRADED
    if (count > 0) {
      at = writeLong(buffer, at, count);
      for (let c = 0; c < columnNames.length; c++) {
        if (((rows.degraded[row * words + (c >>> 5)]! >>> (c & 31)) & 1) === 0) continue;
        const name = columnNames[c]!;
        at = copyBytes(view, at, name, 0, name.byteLength);
      }
    }
    buffer[at++] = 0;
    return at;
  };

  const writeOutputs = ({ buffer, view }: FramedOutputRecords, at: number, extras: Scores['extras'], row: number): number => {
    if (extras.length === 0) {
      buffer[at++] = 0;
      return at;
    }
    buffer[at++] = 2;
    at = writeLong(buffer, at, extras.length);
    for (let e = 0; e < extras.length; e++) {
      const { name, width, values } = extras[e]!;
      const encoded = extraNameBytes(name);
      at = copyBytes(view, at, encoded, 0, encoded.byteLength);
      if (width > 0) {
        at = writeLong(buffer, at, width);
        for (let i = 0; i < width; i++, at += 4) view.setFloat32(at, values[row * width + i]!, true);
      }
      buffer[at++] = 0;
    }
    buffer[at++] = 0;
    return at;
  };

  /** Headers that pass on: count, then name and value of those that the record has. */
  const writeTraceHeaders = ({ buffer, view }: FramedOutputRecords, at: number, from: DataView): number => {
    const { starts, lengths } = scanner;
    const present = (lengths[0]! >= 0 ? 1 : 0) + (lengths[1]! >= 0 ? 1 : 0);
    buffer[at++] = present * 2;
    for (let h = 0; h < 2; h++) {
      if (lengths[h]! < 0) continue;
      const name = headerNames[h]!; // the varints of Kafka headers are those of Avro
      at = copyBytes(view, at, name, 0, name.byteLength);
      at = writeLong(buffer, at, lengths[h]!);
      at = copyBytes(view, at, from, starts[h]!, lengths[h]!);
    }
    return at;
  };

  const encodeSlice = (rows: Rows, scores: Scores, scoredAtMs: number, into: FramedOutputRecords, slice: RecordSlice): void => {
    const { records, from, to, fromRow } = slice;
    const { partition } = records;
    const input = viewOf(records.buffer);
    const { idStart, source } = partitionTexts(partitions, records.topic, partition);
    const { extras, label: labelsOfRows } = scores;
    let extrasBytes = 2 * MAX_VARINT_BYTES;
    for (const { name, width } of extras) extrasBytes += extraNameBytes(name).byteLength + MAX_VARINT_BYTES + 1 + 4 * width;
    const sameBytes =
      prefix.byteLength + FIXED_BYTES + modelFields.byteLength + idStart.byteLength + source.byteLength + extrasBytes + allNamesBytes;

    into.openRun(partition, scoredAtMs);
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

      let bound = sameBytes + 2 * Math.max(0, keyLength);
      if (label) bound += label.byteLength;
      if (hasTrace) bound += 64 + Math.max(0, scanner.lengths[0]!) + Math.max(0, scanner.lengths[1]!);
      const start = into.begin(keyLength, bound);
      const { buffer, view } = into;

      let at = keyLength > 0 ? copyBytes(view, start, input, keyFrom, keyLength) : start;
      at = into.beginValue(at);
      at = copyBytes(view, at, prefix, 0, prefix.byteLength);
      const offsetDigits = digitCount(offset);
      at = writeLong(buffer, at, idStart.byteLength + offsetDigits);
      at = copyBytes(view, at, idStart, 0, idStart.byteLength);
      at = writeDigits(buffer, at, offset, offsetDigits);
      at = copyBytes(view, at, modelFields, 0, modelFields.byteLength);
      if (keyLength >= 0 && isText(records.buffer, keyFrom, keyLength)) {
        buffer[at++] = 2;
        at = writeLong(buffer, at, keyLength);
        at = copyBytes(view, at, input, keyFrom, keyLength);
      } else {
        buffer[at++] = 0;
      }
      const eventTimeMs = Math.trunc(rows.eventTimeMs[row]!);
      // A producer may write any long; one that is no exact integer here is nonsense as a time.
      at = writeLong(buffer, at, Number.isSafeInteger(eventTimeMs) ? eventTimeMs : records.timestamps[index]!);
      at = writeLong(buffer, at, scoredAtMs);
      view.setFloat64(at, scores.score[row]!, true);
      at += 8;
      if (label === undefined) {
        buffer[at++] = 0;
      } else {
        buffer[at++] = 2;
        at = copyBytes(view, at, label, 0, label.byteLength);
      }
      at = writeOutputs(into, at, extras, row);
      at = writeDegraded(into, at, rows, row);
      at = copyBytes(view, at, source, 0, source.byteLength);
      at = writeLong(buffer, at, offset);
      at = into.endValue(at);
      if (hasTrace) at = writeTraceHeaders(into, at, input);

      if (into.recordBytes(at) > maxRecordBytes) {
        const message = `The prediction has ${into.recordBytes(at)} bytes; topic ${into.topic} takes ${maxRecordBytes}.`;
        rows.fail(row, 'output_too_large', message);
        continue; // what was written is not taken into use
      }
      into.end(at);
    }
  };

  return {
    encodePredictions(rows, scores, scoredAtMs, into) {
      const wholeMs = Math.trunc(scoredAtMs);
      for (const slice of rows.slices) encodeSlice(rows, scores, wholeMs, into, slice);
    },
  };
}

/** What all predictions of a topic-partition have in common. */
interface PartitionTexts {
  /** A prediction id up to the offset: topic, dash, partition, dash. */
  readonly idStart: DataView;
  /** The field `source` up to the offset. */
  readonly source: DataView;
}

function partitionTexts(cache: Map<string, PartitionTexts>, topic: string, partition: number): PartitionTexts {
  const idStart = `${topic}-${partition}-`;
  let texts = cache.get(idStart);
  if (!texts) {
    const number = Buffer.alloc(MAX_VARINT_BYTES);
    const source = Buffer.concat([encodeString(topic), number.subarray(0, writeLong(number, 0, partition))]);
    texts = { idStart: viewOf(Buffer.from(idStart)), source: viewOf(source) };
    cache.set(idStart, texts);
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
