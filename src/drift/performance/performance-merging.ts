import type { Logger } from '../../core/ports.ts';
import type { RecordBatch } from '../../core/records.ts';
import type { WindowSize } from '../../core/window-size.ts';
import type { MergedLog } from '../merged-log.ts';
import type { MergerOptions } from '../merger-types.ts';
import { performanceRequestFrom } from '../retrain-request.ts';
import type { StatisticsOutbox } from '../statistics-outbox.ts';
import { performanceDataOf } from './performance-book.ts';
import { PerformanceInbox } from './performance-inbox.ts';
import { performanceStatisticsOf, type PerformanceYardstick } from './performance-record.ts';
import { referenceCellsOf } from './reference.ts';

/** What of a log concerns performance. */
type Log = Pick<MergedLog, 'performance' | 'logMs' | 'lastRetrainWindowEnd'>;

/** The part of a merger that is about performance: reads its records into the book of a log, and publishes what the log says is due. */
export class PerformanceMerging {
  private readonly retrain: MergerOptions['retrain'];
  private readonly inbox: PerformanceInbox;
  private readonly yardstick: PerformanceYardstick;
  private readonly logger: Logger;

  constructor(
    { model, reference, performance, retrain, logger }: MergerOptions & Required<Pick<MergerOptions, 'performance'>>,
    sizes: readonly WindowSize[],
  ) {
    const { layout, deltaPrefix } = performance;
    const { referenceId } = reference;
    this.retrain = retrain;
    this.logger = logger;
    this.yardstick = { ...performance, model, referenceId, referenceCells: referenceCellsOf(reference, layout) };
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

  /** Gives out what is due, and what follows from it. */
  publish(outbox: StatisticsOutbox, log: Log): void {
    const book = log.performance!;
    for (const window of book.due(log.logMs)) {
      const statistics = performanceStatisticsOf(window, book.isOver(window), this.yardstick);
      outbox.performance(statistics, log.logMs);
      const request = this.retrain && performanceRequestFrom(statistics, performanceDataOf(window), this.retrain, log.lastRetrainWindowEnd);
      if (request) {
        outbox.request(request, log.logMs);
        log.lastRetrainWindowEnd = request.windowEnd;
      }
      book.published(window, log.logMs);
    }
  }
}
