import type { Clock } from '../core/clock.ts';
import type { OutputRecords } from '../core/outputs.ts';
import type { WindowSize } from '../core/window-size.ts';
import type { Logger } from '../core/ports.ts';
import type { RecordBatch, TopicPartition } from '../core/records.ts';
import type { DriftThresholds } from './decision.ts';
import type { LeftOut } from './delta-inbox.ts';
import type { LedgerCounts } from './delta-ledger.ts';
import type { StateValues } from './merger-state.ts';
import type { PerformanceLayout } from './performance/layout.ts';
import type { PerformanceMetric } from './performance/measures.ts';
import type { PinnedProfile } from './pinned-profile.ts';
import type { PreviousRule, ReferenceKind } from '../core/reference-kinds.ts';
import type { RetrainOptions } from './retrain-request.ts';
import type { ReferenceProfile } from './reference-profile.ts';
import type { DriftStatistics } from './statistics-record.ts';

/** Options of `createMerger`. */
export interface MergerOptions {
  readonly model: { readonly name: string; readonly version: string };
  readonly reference: ReferenceProfile;
  readonly profilesTopic: string;
  readonly statisticsTopic: string;
  readonly countsTopic: string;
  /** Compacted topic in which the state of mergers is kept. */
  readonly stateTopic: string;
  /** Framing bytes that every value of the profiles topic begins with. */
  readonly profilesPrefix: Buffer;
  /** Framing bytes of the statistics topic. */
  readonly statisticsPrefix: Buffer;
  /** Framing bytes of the counts topic. */
  readonly countsPrefix: Buffer;
  /** Sizes of windows, at least one; each is published. */
  readonly windows: readonly WindowSize[];
  /** Must divide all of them. */
  readonly paneMs: number;
  readonly outOfOrderMs: number;
  readonly latenessMs: number;
  readonly thresholds: DriftThresholds;
  readonly expectedRunTimeDays: number;
  readonly minSamples: number;
  /** The least over-dispersion φ of rows that is reckoned with, and what holds until it is estimated. Default 1: rows are independent. */
  readonly overDispersion?: number;
  /** Which earlier windows a window is compared with beside the reference; absent: none. */
  readonly previous?: PreviousRule;
  /** Windows that somebody has found healthy, in the bins of the reference; absent: there are none. */
  readonly pinned?: PinnedProfile;
  /** Which comparison decides on status, alerts and requests; default `training`: that with the reference. */
  readonly decidedBy?: ReferenceKind;
  /** When to ask for training, and where; absent: never. */
  readonly retrain?: RetrainOptions & {
    readonly topic: string;
    /** Framing bytes of requests. */
    readonly prefix: Buffer;
  };
  /** How performance is added up and judged; absent: there are no labels, and its records are passed over. */
  readonly performance?: {
    readonly layout: PerformanceLayout;
    readonly topic: string;
    /** Framing bytes of the performance topic. */
    readonly prefix: Buffer;
    /** Framing bytes of the performance records of the profiles topic. */
    readonly deltaPrefix: Buffer;
    /** A label counts when its time is at most so much away from that of its prediction. */
    readonly ttlMs: number;
    /** See `PerformanceBookOptions`. */
    readonly lingerMs?: number;
    /** See `PerformanceYardstick`. */
    readonly metric: PerformanceMetric;
    readonly maxDrop: number;
    readonly minSamples: number;
  };
  /** Number of input partitions, when known: no window closes before all were heard of or are idle. */
  readonly partitions?: number;
  /** A changed window that is still open is published at most this often. Default 10 s. */
  readonly interimMs?: number;
  /** After this long without a delta, changed windows are published at once. Default 2 s. */
  readonly quietMs?: number;
  /** See `WatermarkOptions`. */
  readonly idleMs: number;
  readonly closeAfterMs: number;
  /** Late rows still change a window until the watermark is so much past its end and `latenessMs`. */
  readonly reviseMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the merger has added up. */
export interface Tally {
  /** Scored rows in windows. */
  events: number;
  deadLetters: number;
  skipped: number;
  untimed: number;
  /** Scored rows of windows that were let go already. */
  lateDropped: number;
}

/** What the merger has read. */
export type MergerCounts = Tally & LedgerCounts & LeftOut;

/** State of drift for metrics. */
export interface DriftSnapshot {
  readonly model: { readonly name: string; readonly version: string };
  readonly referenceId: string;
  /** All windows in memory, by size and in order of time. */
  readonly windows: readonly DriftStatistics[];
  /** Milliseconds since the epoch; undefined when nothing is known. */
  readonly watermarkMs: number | undefined;
  readonly partitionsSeen: number;
  readonly counts: Readonly<MergerCounts>;
}

/** A position in the profiles topic. */
export interface LogPosition {
  readonly partition: number;
  readonly position: number;
  /** True when what was committed is not in the log any more, and this is the next position that is. */
  readonly isElsewhere?: boolean;
}

/**
 * What is to be published: only what the log has made final; also open windows that are due; or all that changed. Which windows are
 * final, and with which counts, follows from the log alone.
 */
export type PublishScope = 'final' | 'due' | 'all';

/** Adds up profile deltas of one model version and publishes statistics. Pure: knows no Kafka. */
export interface Merger {
  /**
   * Adds the deltas of a batch of the profiles topic. Bad records are counted and logged, never thrown.
   * @param from index of the first record to read
   * @returns index of the next one; less than `count` when a record has made windows final. Until they are published (`isClosing`) it reads nothing
   */
  apply(records: RecordBatch, from?: number): number;
  /** True while windows that the log has made final are not yet given out by `due`, which gives one at a time: one may change the measures of the next. */
  readonly isClosing: boolean;
  /**
   * Does what takes time of `due` beforehand, in slices: the exact tests of a feature take up to milliseconds.
   * @param sliceMs how long one call may take
   * @returns false when there is more to do
   */
  measure(sliceMs: number, scope: PublishScope): boolean;
  /** Statistics and counts that are due, compactable by key, by topic; empty when none are. */
  due(scope: PublishScope): OutputRecords[];
  /**
   * What has changed of the state since it was saved last, for the state topic: to be written with all that `due` gave, and with the
   * position as that of the group, or not at all.
   * @param at what was read of the profiles topic
   * @returns undefined while windows are closing: then it cannot be
   */
  save(at: LogPosition): OutputRecords | undefined;
  /**
   * Begins from a state that was saved; call it before anything is read, or after `revoke`.
   * @param at from where on the profiles topic will be read
   * @returns false when there is none for that position, model, reference and pane; the state is empty then
   */
  restore(values: StateValues, at: LogPosition): boolean;
  /** True when the log should be told the time (`tick`): nothing comes, and windows could be closed by that alone. */
  wantsTick(): boolean;
  /** A record for the profiles topic that says nothing but that time has passed. */
  tick(): OutputRecords;
  snapshot(): DriftSnapshot;
  /** What was read since the start, or since the last `revoke` that forgot it. */
  counts(): Readonly<MergerCounts>;
  /** Partitions of the profiles topic that were lost: forgets the state if it came from them. */
  revoke(partitions: readonly TopicPartition[]): void;
}
