import type { RecordBatch } from '../core/records.ts';
import { createHeaderScanner } from './header-scanner.ts';

/**
 * Where the writer schema of a record is named. Configured per topic, since a plain body may begin with any byte.
 *
 * - `confluent`: payload `00` + int32 big-endian schema id.
 * - `confluent-header`: header `__value_schema_id` = `01` + 16-byte GUID, or `00` + int32 id; a record without the header
 *   is read as `confluent`, as Confluent's own dual deserializer does, so that a topic can migrate.
 * - `apicurio`: payload `00` + int64 big-endian id.
 * - `apicurio-header`: header `apicurio.value.contentId` or `apicurio.value.globalId`, int64 big-endian.
 * - `single-object`: payload `C3 01` + CRC-64-AVRO fingerprint, little-endian (Avro specification, single-object encoding).
 * - `plain`: the payload is the body; the writer schema is configured.
 */
export type InputFormat = 'confluent' | 'confluent-header' | 'apicurio' | 'apicurio-header' | 'single-object' | 'plain';

/** What kind of name of a writer schema a frame holds. */
export type WriterIdKind = 'id' | 'guid' | 'globalId' | 'contentId' | 'fingerprint' | 'none';

/** The frame of one record: where its writer id and its body lie in the batch's buffer. Overwritten by every `read`. */
export interface Frame {
  kind: WriterIdKind;
  idStart: number;
  /** Bytes of the id: 4, 8, 16, or 0 for `plain`. */
  idLength: number;
  bodyStart: number;
  /** Why `read` said false. Without payload bytes. */
  problem: string;
}

/** Reads frames of one input format. */
export interface InputFraming {
  readonly frame: Frame;
  /**
   * Reads the frame of record `index`, which must have a value, into `frame`.
   * @returns false when the bytes are not what the format announces; `frame.problem` says why
   */
  read(records: RecordBatch, index: number): boolean;
}

/** Options of `createInputFraming`. */
export interface FramingOptions {
  /**
   * What the 8-byte id of the format `apicurio` is. Default `globalId`, which Apicurio's serde 2 writes; serde 3 with
   * `Default8ByteIdHandler` writes `contentId` unless told otherwise.
   */
  readonly apicurioId?: 'globalId' | 'contentId';
}

/** Creates the frame reader of an input format. The format is looked at here, once, and not per record. */
export function createInputFraming(format: InputFormat, options: FramingOptions = {}): InputFraming {
  const frame: Frame = { kind: 'none', idStart: 0, idLength: 0, bodyStart: 0, problem: '' };
  switch (format) {
    case 'confluent':
      return { frame, read: readPrefix(frame, 'id', 4, 'confluent') };
    case 'apicurio':
      return { frame, read: readPrefix(frame, options.apicurioId ?? 'globalId', 8, 'apicurio') };
    case 'confluent-header':
      return { frame, read: readConfluentHeader(frame) };
    case 'apicurio-header':
      return { frame, read: readApicurioHeaders(frame) };
    case 'single-object':
      return { frame, read: readSingleObject(frame) };
    case 'plain':
      return {
        frame,
        read(records, index) {
          frame.bodyStart = records.valueStart[index]!;
          return true;
        },
      };
  }
}

type Read = InputFraming['read'];

function readPrefix(frame: Frame, kind: WriterIdKind, idLength: number, format: InputFormat): Read {
  const prefix = 1 + idLength;
  return (records, index) => {
    const start = records.valueStart[index]!;
    const length = records.valueLength[index]!;
    if (length < prefix) return refuse(frame, `The value has ${length} bytes; the format ${format} needs at least ${prefix}.`);
    const magic = records.buffer[start]!;
    if (magic !== 0) return refuse(frame, `The value begins with ${hex(magic)}; the format ${format} begins with 0x00.`);
    frame.kind = kind;
    frame.idStart = start + 1;
    frame.idLength = idLength;
    frame.bodyStart = start + prefix;
    return true;
  };
}

function readConfluentHeader(frame: Frame): Read {
  const name = '__value_schema_id';
  const scanner = createHeaderScanner([name]);
  const fromPayload = readPrefix(frame, 'id', 4, 'confluent');
  return (records, index) => {
    if (!scanner.scan(records.buffer, records.headerStart[index]!, records.headerLength[index]!)) return refuse(frame, BROKEN_HEADERS);
    const length = scanner.lengths[0]!;
    if (length < 0) {
      if (fromPayload(records, index)) return true;
      return refuse(frame, `The record has no header ${name}, and without it: ${frame.problem}`);
    }
    const start = scanner.starts[0]!;
    const magic = length > 0 ? records.buffer[start]! : -1;
    if (magic === 0 && length === 5) frame.kind = 'id';
    else if (magic === 1 && length === 17) frame.kind = 'guid';
    else return refuse(frame, `The header ${name} has ${length} bytes and is neither 0x00 + 4-byte id nor 0x01 + 16-byte GUID.`);
    frame.idStart = start + 1;
    frame.idLength = length - 1;
    frame.bodyStart = records.valueStart[index]!;
    return true;
  };
}

function readApicurioHeaders(frame: Frame): Read {
  const names = ['apicurio.value.contentId', 'apicurio.value.globalId'] as const;
  const scanner = createHeaderScanner([...names, 'apicurio.value.encoding']);
  return (records, index) => {
    const { buffer } = records;
    if (!scanner.scan(buffer, records.headerStart[index]!, records.headerLength[index]!)) return refuse(frame, BROKEN_HEADERS);
    const encodingLength = scanner.lengths[2]!;
    // "JSON" has four letters and "BINARY" six; nothing else is written by Apicurio's serde.
    if (encodingLength === 4) {
      return refuse(
        frame,
        'The header apicurio.value.encoding says JSON: the producer writes JSON-encoded Avro (apicurio.registry.avro.encoding); weir reads BINARY.',
      );
    }
    // Apicurio's own deserializer looks for the content id first.
    const which = scanner.lengths[0]! >= 0 ? 0 : 1;
    const length = scanner.lengths[which]!;
    if (length < 0) return refuse(frame, `The record has neither header ${names[0]} nor ${names[1]}.`);
    if (length !== 8) return refuse(frame, `The header ${names[which]} has ${length} bytes; 8 are expected.`);
    frame.kind = which === 0 ? 'contentId' : 'globalId';
    frame.idStart = scanner.starts[which]!;
    frame.idLength = 8;
    frame.bodyStart = records.valueStart[index]!;
    return true;
  };
}

function readSingleObject(frame: Frame): Read {
  return (records, index) => {
    const start = records.valueStart[index]!;
    const length = records.valueLength[index]!;
    if (length < 10) return refuse(frame, `The value has ${length} bytes; the format single-object needs at least 10.`);
    const { buffer } = records;
    if (buffer[start] !== 0xc3 || buffer[start + 1] !== 0x01) {
      const found = `${hex(buffer[start]!)} ${hex(buffer[start + 1]!)}`;
      return refuse(frame, `The value begins with ${found}; the format single-object begins with 0xc3 0x01.`);
    }
    frame.kind = 'fingerprint';
    frame.idStart = start + 2;
    frame.idLength = 8;
    frame.bodyStart = start + 10;
    return true;
  };
}

const BROKEN_HEADERS = 'The header bytes of the record are not Kafka record headers.';

function refuse(frame: Frame, problem: string): false {
  frame.problem = problem;
  return false;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

/** The id of a frame as text: what the registry is asked for and what logs and dead letters show. Makes strings. */
export function writerIdText(kind: WriterIdKind, buffer: Buffer, start: number): string {
  switch (kind) {
    case 'id':
      return String(buffer.readInt32BE(start));
    case 'globalId':
    case 'contentId':
      return String(buffer.readBigInt64BE(start));
    case 'guid': {
      const digits = buffer.toString('hex', start, start + 16);
      return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join('-');
    }
    case 'fingerprint':
      return buffer.toString('hex', start, start + 8);
    case 'none':
      return '';
  }
}
