import type { Logger } from '../../core/ports.ts';
import type { RecordBatch } from '../../core/records.ts';
import type { WindowSize } from '../../core/window-size.ts';
import type { MergedLog } from '../merged-log.ts';
import type { MergerOptions } from '../merger-types.ts';
import { performanceRequestFrom } from '../retrain-request.ts';
import type { StatisticsOutbox } from '../statistics-outbox.ts';
import { type PerformanceBook, performanceDataOf, type PerformanceWindow } from './performance-book.ts';
import { measureLabelled } from './measures.ts';
import { PerformanceInbox } from './performance-inbox.ts';
import {
  encodePerformanceStatistics,
  type PerformanceStatistics,
  performanceStatisticsOf,
  type PerformanceYardstick,
} from './performance-record.ts';
import { referenceCellsOf } from './reference.ts';

/** What of a log concerns performance. */
type Log = Pick<MergedLog, 'performance' | 'logMs' | 'lastRetrainWindowEnd'>;

/** What is said of a window, and its bytes. */
interface Measured {
  readonly statistics: PerformanceStatistics;
  readonly value: Buffer;
}

/** The part of a merger that is about performance: reads its records into the book of a log, and publishes what the log says is due. */
export class PerformanceMerging {
  private readonly retrain: MergerOptions['retrain'];
  private readonly inbox: PerformanceInbox;
  private readonly yardstick: PerformanceYardstick;
  private readonly logger: Logger;
  /** Of windows that are due; nothing is read before they are out. */
  private readonly measured = new Map<PerformanceWindow, Measured>();
  private readonly prefix: Buffer;

  constructor(
    { model, reference, performance, retrain, logger }: MergerOptions & Required<Pick<MergerOptions, 'performance'>>,
    sizes: readonly WindowSize[],
  ) {
    const { layout, deltaPrefix } = performance;
    const { referenceId } = reference;
    this.retrain = retrain;
    this.logger = logger;
    const referenceCells = referenceCellsOf(reference, layout);
    const ofReference = referenceCells && measureLabelled(layout, referenceCells);
    this.yardstick = { ...performance, model, referenceId, referenceCells, reference: ofReference };
    this.prefix = performance.prefix;
    this.inbox = new PerformanceInbox({
      ...{ model, referenceId, layout, logger },
      prefix: deltaPrefix,
      isWithinWindows: (startMs, endMs) => sizes.every((size) => endMs <= size.endOf(size.startOf(startMs))),
    });
  }

  /** Reads record `i` when it is about performance. @returns false when it is not */
  take(records: RecordBatch, i: number, log: Log): boolean {
    if (!this.inbox.isOurs(records, i)) return false;
    const delta = this.inbox.read(records, i);
    const book = log.performance!;
    const wasLate = book.late;
    if (delta) book.take(delta, log.logMs);
    if (wasLate === 0 && book.late > 0) {
      const { model } = this.yardstick;
      this.logger.warn(
        { model: model.name, offset: records.offsets[i] },
        'labels came after their window had been let go, and are left out of it',
      );
    }
    return true;
  }

  /**
   * Does what takes time of `publish` beforehand, in slices: hundreds of windows may be due at once.
   * @param isEnough true when this call has taken long enough
   * @returns false when there is more to do
   */
  measure({ performance, logMs }: Log, isEnough: () => boolean): boolean {
    if (!performance?.isDue(logMs)) return true;
    for (const window of performance.due(logMs)) {
      if (this.measured.has(window)) continue;
      if (isEnough()) return false;
      this.measured.set(window, this.describe(window, performance));
    }
    return true;
  }

  /** Gives out what is due, and what follows from it. */
  publish(outbox: StatisticsOutbox, log: Log): void {
    const book = log.performance!;
    for (const window of book.due(log.logMs)) {
      const { statistics, value } = this.measured.get(window) ?? this.describe(window, book);
      outbox.performance(statistics, value, log.logMs);
      const request = this.retrain && performanceRequestFrom(statistics, performanceDataOf(window), this.retrain, log.lastRetrainWindowEnd);
      if (request) {
        outbox.request(request, log.logMs);
        log.lastRetrainWindowEnd = request.windowEnd;
      }
      book.published(window, log.logMs);
    }
    this.measured.clear();
  }

  private describe(window: PerformanceWindow, book: PerformanceBook): Measured {
    const statistics = performanceStatisticsOf(window, book.isOver(window), this.yardstick);
    return { statistics, value: encodePerformanceStatistics(this.prefix, statistics) };
  }
}
