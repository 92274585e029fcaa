import { OutputRecords } from '../core/outputs.ts';
import type { FeatureStatistics } from './decision.ts';
import type { LedgerCounts } from './delta-ledger.ts';
import type { MergerOptions } from './merger-types.ts';
import { type DriftStatistics, encodeDriftStatistics, statisticsKey } from './statistics-record.ts';
import type { OpenWindow, Windows } from './windows.ts';

/** What statistics say beside the counts of their window. */
export interface WindowCircumstances {
  readonly coverage: number;
  readonly ledger: Readonly<LedgerCounts>;
}

type Options = Pick<MergerOptions, 'model' | 'reference' | 'partitions' | 'statisticsTopic' | 'statisticsPrefix'>;

/** The statistics of a window as it is now. */
export function statisticsOf(
  windows: Windows,
  open: OpenWindow,
  final: boolean,
  { model, reference, partitions }: Options,
  { coverage, ledger }: WindowCircumstances,
): DriftStatistics {
  const decision = windows.decide(open);
  const { view: window } = open;
  const { duplicatesDropped, retracted, gaps, gapOffsets } = ledger;
  return {
    model: model.name,
    modelVersion: model.version,
    referenceId: reference.referenceId,
    window: windows.size.name,
    windowStart: window.startMs,
    windowEnd: window.endMs,
    revision: open.finals,
    final,
    events: window.events,
    partitionsSeen: window.partitions.size,
    partitionsExpected: partitions ?? null,
    alpha: windows.alpha,
    status: decision.status,
    overallDrift: decision.overallDrift,
    driftedFeatures: decision.drifted.length,
    driftedFeatureNames: [...decision.drifted],
    driftShare: decision.features.length > 0 ? decision.drifted.length / decision.features.length : 0,
    recommendation: windows.recommend(open),
    features: decision.features as FeatureStatistics[],
    prediction: decision.prediction,
    coverage,
    gaps,
    gapOffsets,
    duplicatesDropped: duplicatesDropped + retracted,
  };
}

/** Records of the statistics topic on their way out. */
export class StatisticsOutbox {
  private readonly options: Options;
  private records: OutputRecords | undefined;

  constructor(options: Options) {
    this.options = options;
  }

  /** @param timestampMs of the record */
  add(statistics: DriftStatistics, timestampMs: number): void {
    this.records ??= new OutputRecords(this.options.statisticsTopic);
    this.records.push({
      timestampMs,
      key: Buffer.from(statisticsKey(statistics)),
      value: encodeDriftStatistics(this.options.statisticsPrefix, statistics),
    });
  }

  /** What was added since the last time; undefined when nothing was. */
  take(): OutputRecords | undefined {
    const { records } = this;
    this.records = undefined;
    return records;
  }
}
