import { createHash } from 'node:crypto';
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
 * Decides on the final statistics of one model version, in the order in which they are published. What it remembers is one number, so
 * that whoever goes on from it asks for nothing twice.
 */
export class RetrainRequests {
  private readonly options: RetrainOptions;
  /** End of the window that led to the last request; undefined: there was none. */
  lastWindowEnd: number | undefined;

  constructor(options: RetrainOptions) {
    this.options = options;
  }

  /**
   * The request that follows from a window; undefined when none does.
   * @param driftedFeatures in which drift persists
   * @param window what the statistics were computed from
   */
  consider(statistics: DriftStatistics, driftedFeatures: readonly string[], window: Window): RetrainRequest | undefined {
    const { options, lastWindowEnd } = this;
    const { model, modelVersion, referenceId, windowStart, windowEnd, events, recommendation } = statistics;
    if (statistics.window !== options.window || recommendation !== 'retrain_model' || events < options.minSamples) return undefined;
    // A revision of the window that led to the last request, or of one before it, tells nothing new.
    if (lastWindowEnd !== undefined && windowEnd < lastWindowEnd + Math.max(1, options.cooldownMs)) return undefined;
    this.lastWindowEnd = windowEnd;
    const identity = [model, modelVersion, statistics.window, windowStart].join('|');
    return {
      requestId: createHash('sha256').update(identity).digest('hex'),
      ...{ model, modelVersion, referenceId },
      cause: 'DRIFT',
      reason: `${driftedFeatures.join(', ')}: drift persists over windows of ${statistics.window}`,
      driftedFeatures: [...driftedFeatures],
      window: statistics.window,
      ...{ windowStart, windowEnd, events },
      data: window.dataRanges(),
    };
  }
}

/** The framing bytes and the Avro body of a request. */
export function encodeRetrainRequest(prefix: Buffer, request: RetrainRequest): Buffer {
  return Buffer.concat([prefix, retrainRequestType.toBuffer(request)]);
}
