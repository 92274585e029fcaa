import { WeirError } from '../../core/errors.ts';
import type { FramedBatch } from '../../core/framed-outputs.ts';
import type { OutputRecords } from '../../core/outputs.ts';

/** Framing of one record in a batch, at most: five varints for lengths and deltas, one varlong, attributes, the header count. */
export const RECORD_OVERHEAD = 40;

/** Bytes that a record takes in a batch, at most. */
export function recordBytes(records: OutputRecords, i: number): number {
  return RECORD_OVERHEAD + Math.max(0, records.keyLength[i]!) + Math.max(0, records.valueLength[i]!) + records.headerLength[i]!;
}

/** Records `indices[from]` … `indices[to − 1]` of one `OutputRecords`. */
export interface DraftPiece {
  readonly records: OutputRecords;
  readonly from: number;
  to: number;
}

/** A batch whose bytes lie in the buffer of `records`. */
export interface FramedRecords {
  readonly records: OutputRecords;
  readonly batch: FramedBatch;
}

/**
 * The record batch of one topic-partition before it is written: which records, in which order. kafkajs carries it where it
 * would carry an array of messages, of which it reads nothing but `length`; the encoder of `columnar-produce.ts` writes it.
 */
export class PartitionDraft {
  /** Number of records; sequence numbers move on by this. */
  length = 0;
  /** Bytes of the records section, at most. */
  maxBytes = 0;
  firstTimestamp = Number.POSITIVE_INFINITY;
  maxTimestamp = Number.NEGATIVE_INFINITY;
  private indicesOfAll = new Int32Array(16);
  private readonly parts: DraftPiece[] = [];
  private whole: FramedRecords | undefined;
  private isReleased = false;

  /**
   * Adds record `i`. Records are written in the order in which they were added.
   * @throws RangeError when its timestamp is not a whole number of milliseconds
   */
  add(records: OutputRecords, i: number, size: number): void {
    const timestamp = records.timestamps[i]!;
    if (!Number.isSafeInteger(timestamp))
      throw new RangeError(`record ${i} for ${records.topic}: its timestamp is not a whole number of milliseconds`);
    if (timestamp < this.firstTimestamp) this.firstTimestamp = timestamp;
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
    if (this.length === this.indicesOfAll.length) {
      const grown = new Int32Array(this.length * 4);
      grown.set(this.indicesOfAll);
      this.indicesOfAll = grown;
    }
    this.indicesOfAll[this.length] = i;
    const last = this.parts.at(-1);
    if (last?.records === records) last.to++;
    else this.parts.push({ records, from: this.length, to: this.length + 1 });
    this.length++;
    this.maxBytes += size;
  }

  /** Takes a batch that is framed already, as all that this draft will hold. */
  adopt(records: OutputRecords, batch: FramedBatch): void {
    this.whole = { records, batch };
    this.length = batch.count;
    this.maxBytes = batch.bytes;
    this.firstTimestamp = batch.firstTimestamp;
    this.maxTimestamp = batch.maxTimestamp;
  }

  get indices(): Int32Array {
    return this.indicesOfAll;
  }

  /** The records by where they lie; none of a draft that was adopted. @throws WeirError `state_invalid` after `release` */
  get pieces(): readonly DraftPiece[] {
    this.assertHeld();
    return this.parts;
  }

  /** What was adopted. @throws WeirError `state_invalid` after `release` */
  get framed(): FramedRecords | undefined {
    this.assertHeld();
    return this.whole;
  }

  /**
   * The columns may be used for other records from now on. When one broker's request has failed, kafkajs may still have
   * another one waiting for its turn; that one must fail and not send what lies there then.
   */
  release(): void {
    this.isReleased = true;
    this.whole = undefined;
    this.parts.length = 0;
  }

  private assertHeld(): void {
    if (this.isReleased) {
      throw new WeirError(
        'state_invalid',
        'A produce request was about to be sent after its sender had given up: its records may be others by now.',
      );
    }
  }
}

/**
 * The drafts of one topic. Takes the place of an array of messages in kafkajs' `sendBatch`, which only searches it for
 * messages without a value (`find`) and groups it by partition (`reduce`, in stock with work that grows with the square of
 * the record count); here both are done.
 */
export class TopicDraft {
  private readonly drafts = new Map<number, PartitionDraft>();

  /** The draft of a partition, made at the first call. */
  of(partition: number): PartitionDraft {
    let draft = this.drafts.get(partition);
    if (!draft) {
      draft = new PartitionDraft();
      this.drafts.set(partition, draft);
    }
    return draft;
  }

  get partitions(): ReadonlyMap<number, PartitionDraft> {
    return this.drafts;
  }

  /** Number of records. */
  get length(): number {
    let count = 0;
    for (const draft of this.drafts.values()) count += draft.length;
    return count;
  }

  /** kafkajs looks for a message without a value; there is none, for a tombstone's value is null. */
  find(): undefined {
    return undefined;
  }

  /** kafkajs groups messages by partition; they are. */
  reduce(): Record<string, PartitionDraft> {
    return Object.fromEntries(this.drafts);
  }

  release(): void {
    for (const draft of this.drafts.values()) draft.release();
  }
}
