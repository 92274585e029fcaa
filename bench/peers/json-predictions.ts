/** Predictions of `w1` in the bytes of the contract: `{"id":"…","ts":…,"prediction":"p0,…,p9"}`. */
import type { PredictionEncoder } from '../../src/avro/prediction-encoder.ts';
import { writeDigits } from '../../src/avro/primitives.ts';
import { copyBytes, viewOf } from '../../src/core/bytes.ts';
import { STATUS_OK } from '../../src/core/rows.ts';

/** What follows id and time in an event, and what stands there in a prediction. */
const DATA = Buffer.from(',"data"');
const PREDICTION = viewOf(Buffer.from(',"prediction":"'));
const END = viewOf(Buffer.from('"}'));
/** Id and time are shorter. */
const HEAD_BYTES = 256;
const DECIMALS = 9;
const SCALE = 10 ** DECIMALS;
const COMMA = 0x2c;

/** Encoder of JSON predictions; the bytes up to the numbers are those of the event. The model gives probabilities as its first extra. */
export function createJsonPredictions(): PredictionEncoder {
  return {
    encodePredictions(rows, scores, scoredAtMs, into) {
      const { width, values } = scores.extras[0]!;
      for (const { records, from, to, fromRow } of rows.slices) {
        const input = viewOf(records.buffer);
        into.openRun(records.partition, scoredAtMs);
        for (let index = from, row = fromRow; index < to; index++, row++) {
          if (rows.status[row] !== STATUS_OK) continue;
          const valueStart = records.valueStart[index]!;
          const headBytes = endOfHead(records.buffer, valueStart, records.valueLength[index]!);
          const keyLength = records.keyLength[index]!;
          const start = into.begin(
            keyLength,
            Math.max(0, keyLength) + headBytes + PREDICTION.byteLength + width * (DECIMALS + 3) + END.byteLength,
          );
          const { buffer, view } = into;
          let at = into.beginValue(keyLength > 0 ? copyBytes(view, start, input, records.keyStart[index]!, keyLength) : start);
          at = copyBytes(view, at, input, valueStart, headBytes);
          at = copyBytes(view, at, PREDICTION, 0, PREDICTION.byteLength);
          for (let i = 0; i < width; i++) {
            if (i > 0) buffer[at++] = COMMA;
            at = writeProbability(buffer, at, values[row * width + i]!);
          }
          at = copyBytes(view, at, END, 0, END.byteLength);
          into.end(into.endValue(at));
        }
      }
    },
  };
}

/** Bytes of an event up to its numbers. @throws Error when it is not as the contract says */
function endOfHead(buffer: Buffer, start: number, length: number): number {
  const limit = start + Math.min(length, HEAD_BYTES) - DATA.length;
  for (let at = start; at <= limit; at++) {
    let same = 0;
    while (same < DATA.length && buffer[at + same] === DATA[same]) same++;
    if (same === DATA.length) return at - start;
  }
  throw new Error('An event of w1 begins with "id" and "ts", and "data" comes next.');
}

/** Nine decimals of a number between 0 and 1. */
function writeProbability(buffer: Buffer, at: number, probability: number): number {
  const scaled = Math.round(probability * SCALE);
  const whole = Math.floor(scaled / SCALE);
  buffer[at] = 0x30 + whole;
  buffer[at + 1] = 0x2e;
  return writeDigits(buffer, at + 2, scaled - whole * SCALE, DECIMALS);
}
