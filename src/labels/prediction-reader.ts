import type { RecordBatch } from '../core/records.ts';

/** Whose predictions are read. */
export interface PredictionReaderOptions {
  readonly model: { readonly name: string; readonly version: string };
  /** Bytes before the Avro body. */
  readonly prefixLength: number;
  /** Number of a predicted class by its name; absent: classes are of no interest. */
  readonly classIndex?: (label: string) => number;
}

/** Arms told apart; more are not meant. */
const MAX_ARMS = 16;

/**
 * Reads records of the predictions topic, one at a time, into fields of its own: no object is made of a record. Only the fields up to the
 * label are looked at, whose order and types never change (`schemas/prediction.avsc`: fields are only added behind).
 */
export class PredictionReader {
  /** Bytes of the prediction id in the batch's buffer. */
  idStart = 0;
  idLength = 0;
  /** Partition and offset of the event in the input topic. */
  inputPartition = 0;
  inputOffset = 0;
  eventTimeMs = 0;
  score = 0;
  /** Index in `arms`. */
  arm = 0;
  /** See `classIndex`. */
  predicted = 0;
  /** Names of the arms that were seen. */
  readonly arms: string[] = [];
  private readonly options: PredictionReaderOptions;
  private readonly model: Buffer;
  private readonly armBytes: Buffer[] = [];
  private readonly classes = new Map<string, number>();
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private end = 0;
  private parsed = 0;

  constructor(options: PredictionReaderOptions) {
    this.options = options;
    const field = (text: string): Buffer => Buffer.concat([Buffer.of(2 * Buffer.byteLength(text)), Buffer.from(text)]);
    const { name, version } = options.model;
    // Names of models have at most 63 bytes where this is a single byte; longer ones are compared by their text.
    this.model = name.length < 64 && version.length < 64 ? Buffer.concat([field(name), field(version)]) : Buffer.alloc(0);
  }

  /**
   * Reads record `i`.
   * @returns 'ours'; 'other': of another model or version, or nothing at all (a tombstone); 'malformed': no prediction
   */
  read(records: RecordBatch, i: number): 'ours' | 'other' | 'malformed' {
    const { prefixLength, model, classIndex } = this.options;
    if (records.valueLength[i]! < 0) return 'other';
    this.bytes = records.buffer;
    this.at = records.valueStart[i]! + prefixLength;
    this.end = records.valueStart[i]! + records.valueLength[i]!;
    this.idLength = this.length();
    if (this.idLength < 0) return 'malformed';
    this.idStart = this.at;
    this.at += this.idLength;
    if (this.model.length > 0) {
      if (!this.isNext(this.model)) return 'other';
      this.at += this.model.length;
    } else if (this.text() !== model.name || this.text() !== model.version) return 'other';
    this.arm = this.armOf(this.length());
    if (this.arm < 0 || !this.skipKey()) return 'malformed';
    this.eventTimeMs = this.long();
    this.long(); // scoredAt
    if (this.end - this.at < 9) return 'malformed';
    this.score = this.bytes.readDoubleLE(this.at);
    this.at += 8;
    this.predicted = 0;
    if (classIndex) {
      const branch = this.bytes[this.at++];
      if (branch === 2) this.predicted = this.classOf(classIndex, this.text());
      else if (branch !== 0) return 'malformed';
    }
    return this.readId() ? 'ours' : 'malformed';
  }

  /** Topic of the events, from the id of the prediction that was read last. Makes a string: not for every record. */
  inputTopic(): string {
    const id = this.bytes.toString('utf8', this.idStart, this.idStart + this.idLength);
    return id.replace(/-\d+-\d+$/, '');
  }

  /** True when these bytes come next. */
  private isNext(expected: Buffer): boolean {
    return this.end - this.at >= expected.length && isAt(expected, this.bytes, this.at);
  }

  /** The key of the input record, a union of null and string, is passed over: the record itself has it. */
  private skipKey(): boolean {
    const branch = this.bytes[this.at++];
    if (branch === 0) return this.at < this.end;
    if (branch !== 2) return false;
    const length = this.length();
    this.at += length;
    return length >= 0;
  }

  private armOf(length: number): number {
    if (length < 0) return -1;
    const { armBytes, bytes, at } = this;
    this.at += length;
    for (let arm = 0; arm < armBytes.length; arm++) {
      if (armBytes[arm]!.length === length && isAt(armBytes[arm]!, bytes, at)) return arm;
    }
    if (armBytes.length === MAX_ARMS) return -1;
    armBytes.push(Buffer.from(bytes.subarray(at, at + length)));
    this.arms.push(armBytes.at(-1)!.toString());
    return armBytes.length - 1;
  }

  private classOf(classIndex: (label: string) => number, label: string | undefined): number {
    if (label === undefined) return classIndex('');
    let known = this.classes.get(label);
    if (known === undefined) {
      known = classIndex(label);
      if (this.classes.size < 1_000) this.classes.set(label, known);
    }
    return known;
  }

  /** Takes partition and offset from the end of the id, `<topic>-<partition>-<offset>`. */
  private readId(): boolean {
    const end = this.idStart + this.idLength;
    const offsetStart = this.digitsBefore(end);
    this.inputOffset = this.parsed;
    const partitionStart = this.digitsBefore(offsetStart - 1);
    this.inputPartition = this.parsed;
    return offsetStart < end && partitionStart < offsetStart - 1 && Number.isSafeInteger(this.inputOffset);
  }

  /** Reads the digits that end at `end`, behind a dash, into `parsed`. @returns where they begin; `end` when there are none */
  private digitsBefore(end: number): number {
    this.parsed = 0;
    let power = 1;
    let at = end;
    while (at > this.idStart) {
      const digit = this.bytes[at - 1]! - 0x30;
      if (digit < 0 || digit > 9) break;
      this.parsed += digit * power;
      power *= 10;
      at--;
    }
    return this.bytes[at - 1] === 0x2d && at > this.idStart ? at : end;
  }

  private text(): string | undefined {
    const length = this.length();
    if (length < 0) return undefined;
    const text = this.bytes.toString('utf8', this.at, this.at + length);
    this.at += length;
    return text;
  }

  /** Length of a string that lies within the record; −1: it does not. */
  private length(): number {
    const length = this.long();
    return length >= 0 && length <= this.end - this.at ? length : -1;
  }

  /** A long; one that ends beyond the record, or is too large, is −1. */
  private long(): number {
    let sum = 0;
    let factor = 1;
    for (let i = 0; i < 10 && this.at < this.end; i++) {
      const byte = this.bytes[this.at++]!;
      sum += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        const half = Math.floor(sum / 2);
        return sum % 2 === 0 ? half : -half - 1;
      }
      factor *= 128;
    }
    this.at = this.end;
    return -1;
  }
}

/** A loop: what is compared is shorter than a call into Node.js is worth. */
function isAt(expected: Buffer, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}
