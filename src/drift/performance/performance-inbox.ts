import type { Logger } from '../../core/ports.ts';
import type { RecordBatch } from '../../core/records.ts';
import type { PerformanceLayout } from './layout.ts';
import { type PerformanceDelta, performanceKey } from './performance-delta.ts';
import { checkPerformanceDelta, decodePerformanceDelta } from './performance-delta-reader.ts';

/** Options of a `PerformanceInbox`. */
export interface PerformanceInboxOptions {
  readonly model: { readonly name: string; readonly version: string };
  readonly referenceId: string;
  readonly layout: PerformanceLayout;
  /** Framing bytes that every value must begin with. */
  readonly prefix: Buffer;
  /** True when a stretch of event time lies within one window of each size. */
  readonly isWithinWindows: (startMs: number, endMs: number) => boolean;
  readonly logger: Logger;
}

/** Reads the performance records of the profiles topic. What cannot be used is counted and logged, never thrown. */
export class PerformanceInbox {
  /** Records that were left out, by why: see `LeftOut`. */
  readonly leftOut = { malformed: 0, otherReference: 0 };
  private readonly key: Buffer;
  private readonly options: PerformanceInboxOptions;

  constructor(options: PerformanceInboxOptions) {
    this.options = options;
    this.key = Buffer.from(performanceKey(options.model));
  }

  /** True when record `i` is about the performance of our model. */
  isOurs({ buffer, keyStart, keyLength }: RecordBatch, i: number): boolean {
    const start = keyStart[i]!;
    return keyLength[i] === this.key.length && this.key.compare(buffer, start, start + this.key.length) === 0;
  }

  /** Record `i`, which is ours, as a checked delta of our reference; undefined when it is none. */
  read(records: RecordBatch, i: number): PerformanceDelta | undefined {
    const { prefix, model, referenceId, layout, isWithinWindows, logger } = this.options;
    const where = { topic: records.topic, partition: records.partition, offset: records.offsets[i]! };
    try {
      const delta = decodePerformanceDelta(prefix, records.buffer, records.valueStart[i]!, records.valueLength[i]!);
      if (delta.model !== model.name || delta.modelVersion !== model.version) throw new RangeError('its key names another model');
      if (delta.referenceId === referenceId) {
        checkPerformanceDelta(delta, layout, isWithinWindows);
        return delta;
      }
      if (this.leftOut.otherReference++ === 0) {
        logger.warn(
          { ...where, referenceId: delta.referenceId, expected: referenceId },
          'performance counted with another reference profile is left out; stop the workers that still use it',
        );
      }
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      const malformed = ++this.leftOut.malformed;
      // Powers of two: the first few are told at once, a flood does not fill the log.
      if (Number.isInteger(Math.log2(malformed))) {
        logger.warn({ ...where, malformed, reason: thrown.message }, 'a performance delta cannot be read and is left out');
      }
    }
    return undefined;
  }
}
