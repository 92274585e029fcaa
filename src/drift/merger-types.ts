import type { Clock } from '../core/clock.ts';
import type { OutputRecords } from '../core/outputs.ts';
import type { Logger } from '../core/ports.ts';
import type { RecordBatch, TopicPartition } from '../core/records.ts';
import type { DriftThresholds } from './decision.ts';
import type { LeftOut } from './delta-inbox.ts';
import type { LedgerCounts } from './delta-ledger.ts';
import type { ReferenceProfile } from './reference-profile.ts';
import type { DriftStatistics } from './statistics-record.ts';

/** Options of `createMerger`. */
export interface MergerOptions {
  readonly model: { readonly name: string; readonly version: string };
  readonly reference: ReferenceProfile;
  readonly statisticsTopic: string;
  /** Framing bytes that every value of the profiles topic begins with. */
  readonly profilesPrefix: Buffer;
  /** Framing bytes of the statistics topic. */
  readonly statisticsPrefix: Buffer;
  readonly windowMs: number;
  /** Must divide `windowMs`. */
  readonly paneMs: number;
  /** Windows begin at this time plus a multiple of `windowMs`. Default 0, the epoch. */
  readonly originMs?: number;
  readonly outOfOrderMs: number;
  readonly latenessMs: number;
  readonly thresholds: DriftThresholds;
  readonly expectedRunTimeDays: number;
  readonly minSamples: number;
  /** Number of input partitions, when known: no window closes before all were heard of or are idle. */
  readonly partitions?: number;
  /** A changed window that is still open is published at most this often. Default 10 s. */
  readonly interimMs?: number;
  /** After this long without a delta, changed windows are published at once. Default 2 s. */
  readonly quietMs?: number;
  /** See `WatermarkOptions.idleMs`. Default 60 s. */
  readonly idleMs?: number;
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
  /** The newest window with enough data, else the newest; undefined before the first delta. */
  readonly latest: DriftStatistics | undefined;
  /** All windows in memory, in order of time. */
  readonly windows: readonly DriftStatistics[];
  /** Milliseconds since the epoch; undefined when nothing is known. */
  readonly watermarkMs: number | undefined;
  readonly partitionsSeen: number;
  readonly counts: Readonly<MergerCounts>;
}

/** Adds up profile deltas of one model version and publishes statistics. Pure: knows no Kafka. */
export interface Merger {
  /** Adds the deltas of a batch of the profiles topic. Bad records are counted and logged, never thrown. */
  apply(records: RecordBatch): void;
  /**
   * When something is due, does what takes time of `due` and of the `snapshot` after it beforehand, in slices: the exact tests of a feature
   * take up to milliseconds.
   * @param sliceMs how long one call may take; @param force as of `due`
   * @returns false when there is more to do
   */
  measure(sliceMs: number, force?: boolean): boolean;
  /** Statistics that are due, compactable by key; undefined when none are. @param force all windows that changed */
  due(force?: boolean): OutputRecords | undefined;
  snapshot(): DriftSnapshot;
  /** What was read since the start, or since the last `revoke` that forgot it. */
  counts(): Readonly<MergerCounts>;
  /** Partitions of the profiles topic that were lost: forgets the state if it came from them. Whoever takes them reads them from their beginning. */
  revoke(partitions: readonly TopicPartition[]): void;
}
