/** What the model says of each event, by ONNX Runtime itself on rows built here: nothing of weir takes part. */
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { entityOf, featuresOf, MODEL_FOLDER, NUMBERS, numbersOf } from './events.ts';

/** The stand-in of each feature, as model/1/model.yaml gives it. */
const STAND_IN = 0.25;

/** Rows of one run of the model. */
const CHUNK = 4_096;

/** Scores by sequence number. */
export interface ExpectedScores {
  /** With the features of the entity. */
  readonly full: Float64Array;
  /** With stand-ins in place of all features. */
  readonly degraded: Float64Array;
}

/** Scores the events 0 … `count` − 1 of a seed. */
export async function expectedScores(seed: number, count: number): Promise<ExpectedScores> {
  const session = await InferenceSession.create(join(MODEL_FOLDER, 'model.onnx'), { intraOpNumThreads: 1, logSeverityLevel: 3 });
  try {
    const score = async (withFeatures: boolean): Promise<Float64Array> => {
      const scores = new Float64Array(count);
      for (let from = 0; from < count; from += CHUNK) {
        const rows = Math.min(CHUNK, count - from);
        const data = new Float32Array(rows * NUMBERS * 2);
        for (let i = 0; i < rows; i++) data.set(rowOf(seed, from + i, withFeatures), i * NUMBERS * 2);
        const { score: output } = await session.run({ input: new Tensor('float32', data, [rows, NUMBERS * 2]) });
        scores.set(output!.data as Float32Array, from);
      }
      return scores;
    };
    return { full: await score(true), degraded: await score(false) };
  } finally {
    await session.release();
  }
}

/** The row of one event as the model takes it. */
export function rowOf(seed: number, sequence: number, withFeatures = true): number[] {
  const features = withFeatures ? featuresOf(entityOf(seed, sequence)) : Array.from({ length: NUMBERS }, () => STAND_IN);
  return [...numbersOf(seed, sequence), ...features];
}
