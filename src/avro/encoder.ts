import type { Encoder } from '../core/ports.ts';
import { createDeadLetterEncoder, type DeadLetterContext } from './dead-letter-encoder.ts';
import { createPredictionEncoder, type PredictionEncoder, type PredictionEncoderOptions } from './prediction-encoder.ts';

/** Makes an encoder of predictions in a form of its own. */
export type CreatePredictions = (options: PredictionEncoderOptions) => PredictionEncoder;

/** Options of `createEncoder`. */
export interface EncoderOptions extends PredictionEncoderOptions {
  readonly deadLetters: Omit<DeadLetterContext, 'modelVersion'>;
  /** Makes what writes predictions; default: `createPredictionEncoder`. */
  readonly createPredictions?: CreatePredictions;
}

/** Creates the `Encoder` port: predictions of the rows that are ok, dead letters of those that failed, in row order. */
export function createEncoder(options: EncoderOptions): Encoder {
  const predictionEncoder = (options.createPredictions ?? createPredictionEncoder)(options);
  const deadLetterEncoder = createDeadLetterEncoder({ ...options.deadLetters, modelVersion: options.model.version });
  return {
    encode(rows, scores, scoredAtMs, predictions, deadLetters) {
      // Predictions first: one that is too large fails its row, which then becomes a dead letter.
      predictionEncoder.encodePredictions(rows, scores, scoredAtMs, predictions);
      deadLetterEncoder.encodeDeadLetters(rows, scoredAtMs, deadLetters);
    },
  };
}
