/** Predictions in the bytes of the contract, in place of weir's own record. */
import type { PredictionEncoder } from '../../src/avro/prediction-encoder.ts';
import { MAX_VARINT_BYTES, writeLong } from '../../src/avro/primitives.ts';
import { copyBytes, viewOf } from '../../src/core/bytes.ts';
import { STATUS_OK } from '../../src/core/rows.ts';
import { PREDICTION_SCHEMA_ID } from './contract.ts';

/** Byte 0 and the id of the schema. */
const FRAME_BYTES = 5;

/**
 * Encoder of Avro predictions. `event_id` and `entity_id` are the first two fields of the event and of the prediction, so their bytes are
 * copied as they are.
 */
export function createContractPredictions(version: string): PredictionEncoder {
  const prefix = viewOf(Buffer.of(0, 0, 0, 0, PREDICTION_SCHEMA_ID));
  // Version and time are the same for all of a batch.
  const tail = Buffer.concat([Buffer.of(version.length * 2), Buffer.from(version), Buffer.alloc(MAX_VARINT_BYTES)]);
  const tailView = viewOf(tail);
  return {
    encodePredictions(rows, scores, scoredAtMs, into) {
      const tailBytes = writeLong(tail, 1 + version.length, scoredAtMs);
      for (const { records, from, to, fromRow } of rows.slices) {
        const input = viewOf(records.buffer);
        into.openRun(records.partition, scoredAtMs);
        for (let index = from, row = fromRow; index < to; index++, row++) {
          if (rows.status[row] !== STATUS_OK) continue;
          const idsFrom = records.valueStart[index]! + FRAME_BYTES;
          const idsBytes = endOfText(input, endOfText(input, idsFrom)) - idsFrom;
          const keyLength = records.keyLength[index]!;
          const start = into.begin(keyLength, Math.max(0, keyLength) + FRAME_BYTES + idsBytes + 4 + tailBytes);
          const { view } = into;
          let at = into.beginValue(keyLength > 0 ? copyBytes(view, start, input, records.keyStart[index]!, keyLength) : start);
          at = copyBytes(view, at, prefix, 0, FRAME_BYTES);
          at = copyBytes(view, at, input, idsFrom, idsBytes);
          view.setFloat32(at, scores.score[row]!, true);
          into.end(into.endValue(copyBytes(view, at + 4, tailView, 0, tailBytes)));
        }
      }
    },
  };
}

/** Where an Avro string ends that is shorter than 2^27 bytes. The row was decoded: it is whole. */
function endOfText(bytes: DataView, start: number): number {
  let at = start;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const group = bytes.getUint8(at++);
    length |= (group & 0x7f) << shift;
    if (group < 0x80) return at + (length >>> 1);
  }
}
