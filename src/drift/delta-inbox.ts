import type { Logger } from '../core/ports.ts';
import type { RecordBatch } from '../core/records.ts';
import type { CellLayout } from './cells.ts';
import type { ProfileDelta } from './profile-delta.ts';
import { checkProfileDelta, decodeProfileDelta } from './profile-delta-reader.ts';

/** Records of the profiles topic that were left out, by why. */
export interface LeftOut {
  /** Not a delta, or one that contradicts the reference profile or the windows. */
  malformed: number;
  /** Of another model or version; they are some other merger's. */
  otherModel: number;
  /** Of this model, counted with another reference profile: bins of different references never mix. */
  otherReference: number;
}

/** Options of a `DeltaInbox`. */
export interface DeltaInboxOptions {
  /** Key of our records. */
  readonly key: Buffer;
  readonly model: { readonly name: string; readonly version: string };
  readonly referenceId: string;
  /** Framing bytes that every value must begin with. */
  readonly prefix: Buffer;
  readonly cells: CellLayout;
  /** True when a stretch of event time lies within one window of each size. */
  readonly isWithinWindows: (startMs: number, endMs: number) => boolean;
  readonly logger: Logger;
}

/** Reads the records of the profiles topic. What cannot be used is counted and logged, never thrown. */
export class DeltaInbox {
  readonly leftOut: LeftOut = { malformed: 0, otherModel: 0, otherReference: 0 };
  private readonly options: DeltaInboxOptions;

  constructor(options: DeltaInboxOptions) {
    this.options = options;
  }

  /** Record `i` as a checked delta of our model and reference, or undefined. */
  read(records: RecordBatch, i: number): ProfileDelta | undefined {
    const { key } = this.options;
    const keyStart = records.keyStart[i]!;
    const keyLength = records.keyLength[i]!;
    if (keyLength !== key.length || key.compare(records.buffer, keyStart, keyStart + keyLength) !== 0) {
      this.leftOut.otherModel++;
      return undefined;
    }
    if (records.valueLength[i]! < 0) return undefined; // A tick: nothing but its time.
    try {
      const delta = this.decode(records, i);
      return this.isOurReference(delta, records, i) ? delta : undefined;
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      const malformed = ++this.leftOut.malformed;
      // Powers of two: the first few are told at once, a flood does not fill the log.
      if (Number.isInteger(Math.log2(malformed))) {
        this.options.logger.warn(
          { ...where(records, i), malformed, reason: thrown.message },
          'a drift delta cannot be read and is left out',
        );
      }
      return undefined;
    }
  }

  private decode(records: RecordBatch, i: number): ProfileDelta {
    const { prefix, model, referenceId, cells, isWithinWindows } = this.options;
    const delta = decodeProfileDelta(prefix, records.buffer, records.valueStart[i]!, records.valueLength[i]!);
    if (delta.model !== model.name || delta.modelVersion !== model.version) throw new RangeError('its key names another model');
    if (delta.referenceId === referenceId) checkProfileDelta(delta, cells, isWithinWindows);
    return delta;
  }

  private isOurReference(delta: ProfileDelta, records: RecordBatch, i: number): boolean {
    const { referenceId, logger } = this.options;
    if (delta.referenceId === referenceId) return true;
    if (this.leftOut.otherReference++ === 0) {
      logger.warn(
        { ...where(records, i), referenceId: delta.referenceId, expected: referenceId },
        'drift deltas of another reference profile are left out; stop the workers that still use it',
      );
    }
    return false;
  }
}

function where(records: RecordBatch, i: number): { topic: string; partition: number; offset: number } {
  return { topic: records.topic, partition: records.partition, offset: records.offsets[i]! };
}
