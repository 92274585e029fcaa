import type { Encoder } from '../core/ports.ts';
import { createDeadLetterEncoder, type DeadLetterContext } from './dead-letter-encoder.ts';
import { createPredictionEncoder, type PredictionEncoderOptions } from './prediction-encoder.ts';

/** Options of `createEncoder`. */
export interface EncoderOptions extends PredictionEncoderOptions {
  readonly deadLetters: Omit<DeadLetterContext, 'modelVersion'>;
}

/** Creates the `Encoder` port: predictions of the rows that are ok, dead letters of those that failed, in row order. */
export function createEncoder(options: EncoderOptions): Encoder {
  const predictionEncoder = createPredictionEncoder(options);
  const deadLetterEncoder = createDeadLetterEncoder({ ...options.deadLetters, modelVersion: options.model.version });
  return {
    encode(rows, scores, scoredAtMs, predictions, deadLetters) {
      // Predictions first: one that is too large fails its row, which then becomes a dead letter.
      predictionEncoder.encodePredictions(rows, scores, scoredAtMs, predictions);
      deadLetterEncoder.encodeDeadLetters(rows, scoredAtMs, deadLetters);
    },
  };
}
