import { copyBytes, viewOf } from '../core/bytes.ts';
import { ERROR_TABLE, type RecordErrorCode } from '../core/errors.ts';
import type { OutputRecords } from '../core/outputs.ts';
import type { RecordBatch } from '../core/records.ts';
import { type Rows, STATUS_OK } from '../core/rows.ts';
import { createHeaderScanner, VarintReader } from './header-scanner.ts';
import { encodeString, MAX_VARINT_BYTES, writeLong } from './primitives.ts';

/** Who writes the dead letters; goes into their headers. */
export interface DeadLetterContext {
  /** Name of the pipeline; Kafka Connect's connector name. */
  readonly pipeline: string;
  /** Id of this worker; Kafka Connect's task id. */
  readonly worker: string;
  readonly modelVersion: string;
  /** Key, value and headers of a dead letter together; a larger one is written without its value. Default: no limit. */
  readonly maxRecordBytes?: number;
}

/** Writes dead letters of the rows that failed. */
export interface DeadLetterEncoder {
  /**
   * Appends one dead letter for each failed row (not for skipped ones): value, key and headers of the input record as they
   * are, then headers `weir.error.*` and, for existing tools, the same facts under the names of Kafka Connect's dead
   * letter queue (KIP-298). Header values are UTF-8 text, numbers in decimal. The record timestamp is `atMs`; that
   * of the input is in `weir.error.timestamp`. A record that the topic would refuse loses its value, whose size then stands
   * in `weir.error.value.bytes`: the bytes are still in the input topic, at the coordinates given. Headers that cannot be read as headers go whole into
   * `weir.error.headers.raw`.
   */
  encodeDeadLetters(rows: Rows, atMs: number, into: OutputRecords): void;
}

/** Messages longer than this are cut: schemas and names in them may be as long as their authors please. */
const MAX_MESSAGE_CHARACTERS = 1_000;

/** Our steps in the words of Kafka Connect's `Stage`. */
const CONNECT_STAGE: Readonly<Record<string, string>> = {
  decode: 'VALUE_CONVERTER',
  enrich: 'TRANSFORMATION',
  validate: 'TRANSFORMATION',
  score: 'TRANSFORMATION',
  emit: 'PRODUCE',
};

/** Header keys in the order in which `valuesOf` gives their values. */
const KEYS = [
  'weir.error.code',
  'weir.error.stage',
  'weir.error.message',
  'weir.error.topic',
  'weir.error.partition',
  'weir.error.offset',
  'weir.error.timestamp',
  'weir.error.schema.id',
  'weir.error.model.version',
  'weir.error.worker',
  '__connect.errors.topic',
  '__connect.errors.partition',
  '__connect.errors.offset',
  '__connect.errors.connector.name',
  '__connect.errors.task.id',
  '__connect.errors.stage',
  '__connect.errors.class.name',
  '__connect.errors.exception.class.name',
  '__connect.errors.exception.message',
] as const;

/** Creates the encoder of dead letters of one worker. */
export function createDeadLetterEncoder(context: DeadLetterContext): DeadLetterEncoder {
  const keys = KEYS.map((key) => viewOf(encodeString(key))); // the varints of Kafka headers are those of Avro
  const rawKey = viewOf(encodeString('weir.error.headers.raw'));
  const bytesKey = viewOf(encodeString('weir.error.value.bytes'));
  const { maxRecordBytes = Number.POSITIVE_INFINITY } = context;
  const keyBytes = keys.reduce((sum, key) => sum + key.byteLength, rawKey.byteLength);
  const scanner = createHeaderScanner([]);
  const varints = new VarintReader();

  const valuesOf = (rows: Rows, row: number, code: RecordErrorCode, schemaId: string, records: RecordBatch, index: number): string[] => {
    const { stage } = ERROR_TABLE[code];
    const message = cut(rows.messageOf(row));
    const { topic } = records;
    const partition = String(records.partition);
    const offset = String(records.offsets[index]!);
    return [
      code,
      stage,
      message,
      topic,
      partition,
      offset,
      String(records.timestamps[index]!),
      schemaId,
      context.modelVersion,
      context.worker,
      topic,
      partition,
      offset,
      context.pipeline,
      context.worker,
      CONNECT_STAGE[stage]!,
      'weir',
      `WeirError.${code}`,
      message,
    ];
  };

  const encodeRow = (records: RecordBatch, index: number, values: readonly string[], atMs: number, into: OutputRecords): void => {
    const keyLength = records.keyLength[index]!;
    let valueLength = records.valueLength[index]!;
    const headerFrom = records.headerStart[index]!;
    const headerLength = records.headerLength[index]!;
    let bound = Math.max(0, keyLength) + Math.max(0, valueLength) + headerLength + keyBytes + (KEYS.length + 2) * MAX_VARINT_BYTES;
    for (const value of values) bound += 3 * value.length; // no UTF-16 unit takes more than three bytes
    const omitted = bound + bytesKey.byteLength + 32 > maxRecordBytes ? valueLength : -1;
    if (omitted >= 0) {
      bound += bytesKey.byteLength + 32 - valueLength;
      valueLength = -1;
    }
    const extra = omitted >= 0 ? 1 : 0;
    const start = into.room(bound);
    const { buffer, view } = into;
    const input = viewOf(records.buffer);

    let at = keyLength > 0 ? copyBytes(view, start, input, records.keyStart[index]!, keyLength) : start;
    const valueStart = at;
    if (valueLength > 0) at = copyBytes(view, at, input, records.valueStart[index]!, valueLength);

    const headerStart = at;
    const areReadable = scanner.scan(records.buffer, headerFrom, headerLength);
    if (areReadable) {
      const count = headerLength > 0 ? varints.read(records.buffer, headerFrom, headerFrom + headerLength) : 0;
      const restFrom = headerLength > 0 ? varints.next : headerFrom;
      at = writeLong(buffer, at, count + KEYS.length + extra);
      at = copyBytes(view, at, input, restFrom, headerFrom + headerLength - restFrom);
    } else {
      at = writeLong(buffer, at, KEYS.length + 1 + extra);
      at = copyBytes(view, at, rawKey, 0, rawKey.byteLength);
      at = writeLong(buffer, at, headerLength);
      at = copyBytes(view, at, input, headerFrom, headerLength);
    }
    if (omitted >= 0) {
      const digits = String(omitted);
      at = copyBytes(view, at, bytesKey, 0, bytesKey.byteLength);
      at = writeLong(buffer, at, digits.length);
      at += buffer.write(digits, at);
    }
    for (let h = 0; h < KEYS.length; h++) {
      const key = keys[h]!;
      const value = values[h]!;
      at = copyBytes(view, at, key, 0, key.byteLength);
      at = writeLong(buffer, at, Buffer.byteLength(value));
      at += buffer.write(value, at);
    }
    into.commit(at - start);
    into.add(records.partition, atMs, start, keyLength, valueStart, valueLength, headerStart, at - headerStart);
  };

  return {
    encodeDeadLetters(rows, atMs, into) {
      if (rows.failed === 0) return;
      const wholeMs = Math.trunc(atMs);
      let schemaId = '';
      for (const { records, from, to, fromRow } of rows.slices) {
        for (let index = from, row = fromRow; index < to; index++, row++) {
          schemaId = rows.schemaIds.get(row) ?? schemaId;
          if (rows.status[row] === STATUS_OK) continue;
          const code = rows.codeOf(row);
          if (code === undefined) continue; // skipped
          encodeRow(records, index, valuesOf(rows, row, code, schemaId, records, index), wholeMs, into);
        }
      }
    },
  };
}

function cut(message: string): string {
  return message.length <= MAX_MESSAGE_CHARACTERS ? message : `${message.slice(0, MAX_MESSAGE_CHARACTERS)}…`;
}
