/** Checks what a worker wrote: every event has one prediction, and the scores are those of the model. */
import '../../src/model/no-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { fetchRanges, quietKafka, readTopics } from '../../examples/flights/topic-reader.ts';
import type { Format } from './format.ts';
import { connectAdmin } from './session.ts';
import { FORMATS, type Workload } from './workloads.ts';

/** Of so many events one is scored again. Prime, so that it does not fall in step with batches. */
const EVENTS_PER_CHECK = 997;
/** Scores of float32 models differ in the last digits when rows are scored together. */
const MAX_ERROR = 1e-4;

/** What was found. */
export interface Verification {
  readonly predictions: number;
  /** Events whose score was computed again. */
  readonly checked: number;
  /** The largest difference of a score. */
  readonly maxError: number;
}

/**
 * Reads the output topic (read_committed, with the stock client) and scores a sample again, one row at a time.
 * @throws Error when an event has no prediction or several, or scores differ by more than 0.0001
 */
export async function verify(brokers: string, topic: string, workload: Workload, events: number): Promise<Verification> {
  const format: Format = FORMATS[workload.base];
  const seen = new Uint8Array(events);
  const scores = new Map<number, readonly number[]>();
  let [predictions, repeated, foreign] = [0, 0, 0];
  await readPredictions(brokers, topic, (value) => {
    predictions++;
    const number = format.numberOf(value);
    if (!(number >= 0 && number < events)) foreign++;
    else if (seen[number] === 1) repeated++;
    else {
      seen[number] = 1;
      if (number % EVENTS_PER_CHECK === 0) scores.set(number, format.scoresOf(value));
    }
  });
  const distinct = predictions - repeated - foreign;
  if (distinct !== events || repeated > 0 || foreign > 0) {
    throw new Error(
      `Of ${events} events ${events - distinct} have no prediction; ${repeated} predictions are repeated, ${foreign} of no event.`,
    );
  }
  const maxError = await largestError(workload, scores, events);
  if (!(maxError <= MAX_ERROR)) throw new Error(`Scores are wrong by up to ${maxError}.`);
  return { predictions, checked: scores.size, maxError };
}

/** Hands over all predictions that are there. @throws Error when they cannot be read to the end */
export async function readPredictions(
  brokers: string,
  topic: string,
  onPrediction: (value: Buffer, timestampMs: number) => void,
): Promise<void> {
  const kafka = quietKafka('bench-verify', brokers.split(','));
  const admin = await connectAdmin(brokers);
  const ranges = await fetchRanges(admin, [topic]);
  await admin.disconnect();
  const unread = await readTopics(kafka, `${topic}-verify`, ranges, (_topic, _partition, messages) => {
    for (const { value, timestamp } of messages) onPrediction(value ?? Buffer.alloc(0), Number(timestamp));
  });
  if (unread.length > 0) throw new Error(`${unread.join(', ')} could not be read to the end.`);
}

async function largestError(workload: Workload, scores: ReadonlyMap<number, readonly number[]>, events: number): Promise<number> {
  const format: Format = FORMATS[workload.base];
  const session = await InferenceSession.create(workload.modelFile, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
  const [input] = session.inputNames;
  const output = session.outputNames.at(-1)!;
  const stream = format.events();
  let largest = 0;
  for (let number = 0; number < events; number++) {
    stream.next();
    const found = scores.get(number);
    if (!found) continue;
    const row = stream.row();
    const results = await session.run({ [input!]: new Tensor('float32', row, [1, row.length]) }, [output]);
    const wanted = format.scoresFrom(results[output]!.data as Float32Array);
    // NaN, when there are too few scores or one is none, stays the largest.
    for (const [i, score] of wanted.entries()) largest = Math.max(largest, Math.abs(score - (found[i] ?? Number.NaN)));
  }
  await session.release();
  return largest;
}
