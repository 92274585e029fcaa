import { OutputRecords } from '../core/outputs.ts';
import type { LedgerCounts } from './delta-ledger.ts';
import type { MergerOptions } from './merger-types.ts';
import { encodeDriftCounts } from './counts-record.ts';
import { profileKey } from './observer.ts';
import { type PerformanceStatistics, performanceStatisticsKey } from './performance/performance-record.ts';
import { encodeRetrainRequest, type RetrainRequest } from './retrain-request.ts';
import { type DriftStatistics, encodeDriftStatistics, statisticsKey } from './statistics-record.ts';
import type { Window } from './window.ts';
import { countsOf } from './window-counts.ts';
import type { OpenWindow, Windows } from './windows.ts';

/** What statistics say beside the counts of their window. */
export interface WindowCircumstances {
  readonly coverage: number;
  readonly ledger: Readonly<LedgerCounts>;
}

type Options = Pick<
  MergerOptions,
  'model' | 'reference' | 'partitions' | 'statisticsTopic' | 'statisticsPrefix' | 'countsTopic' | 'countsPrefix' | 'performance' | 'retrain'
>;

/** The statistics of a window as it is now. */
export function statisticsOf(
  windows: Windows,
  open: OpenWindow,
  final: boolean,
  { model, reference, partitions }: Options,
  { coverage, ledger }: WindowCircumstances,
): DriftStatistics {
  const decision = windows.decide(open);
  const alerts = windows.alerts(open);
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
    alpha: windows.alphaOf(open),
    status: decision.status,
    overallDrift: decision.overallDrift,
    driftedFeatures: decision.drifted.length,
    driftedFeatureNames: [...decision.drifted],
    driftShare: decision.features.length > 0 ? decision.drifted.length / decision.features.length : 0,
    recommendation: alerts.includes(true) ? 'retrain_model' : 'continue_monitoring',
    alertedFeatureNames: decision.features.filter((_, index) => alerts[index]).map(({ name }) => name),
    features: decision.features.map((feature, index) => ({ ...feature, alert: alerts[index]! })),
    prediction: { ...decision.prediction, alert: alerts.at(-1)! },
    coverage,
    gaps,
    gapOffsets,
    duplicatesDropped: duplicatesDropped + retracted,
    rejected: window.rejected,
    referenceKind: decision.referenceKind,
  };
}

/** Records of the topics that the merger writes on their way out. */
export class StatisticsOutbox {
  private readonly options: Options;
  private readonly key: Buffer;
  private readonly records = new Map<string, OutputRecords>();

  constructor(options: Options) {
    this.options = options;
    this.key = Buffer.from(profileKey(options.model));
  }

  /**
   * @param window what the statistics were computed from
   * @param timestampMs of the records
   */
  add(statistics: DriftStatistics, window: Window, timestampMs: number): void {
    const { statisticsTopic, statisticsPrefix, countsTopic, countsPrefix } = this.options;
    const key = Buffer.from(statisticsKey(statistics));
    this.put(statisticsTopic, { timestampMs, key, value: encodeDriftStatistics(statisticsPrefix, statistics) });
    this.put(countsTopic, { timestampMs, key, value: encodeDriftCounts(countsPrefix, { ...statistics, ...countsOf(window) }) });
  }

  /**
   * @param value the statistics as they are written
   * @param timestampMs of the record
   */
  performance(statistics: PerformanceStatistics, value: Buffer, timestampMs: number): void {
    const key = Buffer.from(performanceStatisticsKey(statistics));
    this.put(this.options.performance!.topic, { timestampMs, key, value });
  }

  /** @param timestampMs of the record */
  request(request: RetrainRequest, timestampMs: number): void {
    const { topic, prefix } = this.options.retrain!;
    this.put(topic, { timestampMs, key: this.key, value: encodeRetrainRequest(prefix, request) });
  }

  /** What was added since the last time, by topic. */
  take(): OutputRecords[] {
    const taken = [...this.records.values()];
    this.records.clear();
    return taken;
  }

  private put(topic: string, record: { timestampMs: number; key: Buffer; value: Buffer }): void {
    let records = this.records.get(topic);
    if (!records) this.records.set(topic, (records = new OutputRecords(topic)));
    records.push(record);
  }
}
