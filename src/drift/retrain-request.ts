import { createHash } from 'node:crypto';
import type { PerformanceStatistics } from './performance/performance-record.ts';
import { retrainRequestType } from './schemas.ts';
import type { DriftStatistics } from './statistics-record.ts';
import type { Window } from './window.ts';

/** When weir asks for a model to be trained again. */
export interface RetrainOptions {
  /** Size of the windows that are judged, by its name. */
  readonly window: string;
  /** No other request so long after the end of the window that led to the last one, in event time. */
  readonly cooldownMs: number;
  /** Rows that the window must have. */
  readonly minSamples: number;
}

/** One record of the retrain topic: `schemas/retrain-request.avsc`. Times are milliseconds since the epoch. */
export interface RetrainRequest {
  requestId: string;
  model: string;
  modelVersion: string;
  referenceId: string;
  cause: 'DRIFT' | 'PERFORMANCE';
  reason: string;
  driftedFeatures: string[];
  window: string;
  windowStart: number;
  windowEnd: number;
  events: number;
  data: { topic: string; partition: number; fromOffset: number; toOffset: number }[];
}

/**
 * The request that follows from the final statistics of a window; undefined when none does.
 * @param window what the statistics were computed from
 * @param lastWindowEnd end of the window that led to the last request; undefined: there was none
 */
export function retrainRequestFrom(
  statistics: DriftStatistics,
  window: Pick<Window, 'dataRanges'>,
  options: RetrainOptions,
  lastWindowEnd: number | undefined,
): RetrainRequest | undefined {
  const { model, modelVersion, referenceId, windowStart, windowEnd, events, recommendation, alertedFeatureNames } = statistics;
  if (statistics.window !== options.window || recommendation !== 'retrain_model' || events < options.minSamples) return undefined;
  if (isTooSoon(windowEnd, options, lastWindowEnd)) return undefined;
  return {
    requestId: idOf(model, modelVersion, statistics.window, windowStart),
    ...{ model, modelVersion, referenceId },
    cause: 'DRIFT',
    reason: `drift persists over windows of ${statistics.window}: ${alertedFeatureNames.join(', ')}`,
    driftedFeatures: [...alertedFeatureNames],
    window: statistics.window,
    ...{ windowStart, windowEnd, events },
    data: window.dataRanges(),
  };
}

/**
 * The request that follows from the performance of a window, as far as its labels say it; undefined when none does. An estimate alone asks for nothing.
 * @param data where the events of its predictions are
 * @param lastWindowEnd end of the window that led to the last request of either cause; undefined: there was none
 */
export function performanceRequestFrom(
  statistics: PerformanceStatistics,
  data: RetrainRequest['data'],
  options: RetrainOptions,
  lastWindowEnd: number | undefined,
): RetrainRequest | undefined {
  const { model, modelVersion, referenceId, window, windowStart, windowEnd, predictions, labelled } = statistics;
  const { status, dropBasis, metric, realised, reference, arm } = statistics;
  if (window !== options.window || status !== 'FELL' || dropBasis !== 'LABELS' || labelled < options.minSamples) return undefined;
  if (isTooSoon(windowEnd, options, lastWindowEnd)) return undefined;
  const [before, now] = [reference?.[metric], realised?.[metric]].map((value) => String(Number((value ?? 0).toPrecision(3))));
  return {
    requestId: idOf(model, modelVersion, window, windowStart, 'PERFORMANCE'),
    ...{ model, modelVersion, referenceId },
    cause: 'PERFORMANCE',
    reason: `${metric} went from ${before} in the reference to ${now} over a window of ${window}${arm === 'champion' ? '' : ` (${arm})`}: ${labelled} of ${predictions} predictions have labels`,
    driftedFeatures: [],
    ...{ window, windowStart, windowEnd },
    events: predictions,
    data,
  };
}

/** A revision of the window that led to the last request, or of one before it, tells nothing new. */
function isTooSoon(windowEnd: number, { cooldownMs }: RetrainOptions, lastWindowEnd: number | undefined): boolean {
  return lastWindowEnd !== undefined && windowEnd < lastWindowEnd + Math.max(1, cooldownMs);
}

/** The same for the same finding. */
function idOf(...identity: (string | number)[]): string {
  return createHash('sha256').update(identity.join('|')).digest('hex');
}

/** The framing bytes and the Avro body of a request. */
export function encodeRetrainRequest(prefix: Buffer, request: RetrainRequest): Buffer {
  return Buffer.concat([prefix, retrainRequestType.toBuffer(request)]);
}
