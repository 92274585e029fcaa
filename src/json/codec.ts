import { viewOf } from '../core/bytes.ts';
import type { RowLayout } from '../core/layout.ts';
import type { Codec } from '../core/ports.ts';
import type { Rows } from '../core/rows.ts';
import { JsonDecoder } from './decoder.ts';
import type { Mismatch } from './mismatch.ts';
import { PROBLEM } from './scanner.ts';

export { jsonBindingProblems } from './plan.ts';

/** Options of `createJsonCodec`. */
export interface JsonCodecOptions {
  readonly layout: RowLayout;
  readonly tombstones: 'skip' | 'dead-letter';
}

/**
 * Creates the codec of records whose value is one JSON object (RFC 8259, UTF-8). Bound members are written to the rows straight
 * from the bytes; what `JSON.parse` refuses is refused, with the byte at which it stops being JSON.
 *
 * Beyond JSON.parse: of a key that is there twice the last value counts, as there; bound strings must be valid UTF-8 without
 * half surrogates (they become keys and categories); values nest at most 512 levels.
 * @throws WeirError `config_invalid` when bindings contradict each other
 */
export function createJsonCodec({ layout, tombstones }: JsonCodecOptions): Codec {
  const decoder = new JsonDecoder(layout);
  return {
    decode(rows) {
      for (const { records, from, to, fromRow } of rows.slices) {
        const { buffer, valueStart, valueLength } = records;
        decoder.open(rows, buffer, viewOf(buffer));
        for (let index = from, row = fromRow; index < to; index++, row++) {
          const length = valueLength[index]!;
          if (length < 0) {
            if (tombstones === 'skip') rows.skip(row);
            else rows.fail(row, 'tombstone', 'The record has no value (tombstone).');
            continue;
          }
          const start = valueStart[index]!;
          if (!decoder.read(start, start + length, row)) rows.fail(row, 'decode_failed', problemText(buffer, start, start + length));
          else if (decoder.mismatches.length > 0) {
            const { code, message } = decoder.mismatches[0]!;
            rows.fail(row, code, message);
            markWrongTypes(rows, row, decoder.mismatches);
          }
        }
      }
    },
  };
}

/** Not where the event time is among what is wrong: nobody knows in which pane the row would be counted. */
function markWrongTypes(rows: Rows, row: number, mismatches: readonly Mismatch[]): void {
  if (mismatches.some(({ member }) => member.isTime)) return;
  for (const { columns } of mismatches) for (const column of columns) rows.markWrongType(row, column);
}

function problemText(buffer: Buffer, start: number, end: number): string {
  const { at, expected } = PROBLEM;
  // One character of the payload at most: it may be secret, and messages are logged.
  const found = at >= end ? 'the end of the record' : nameOf(buffer[at]!);
  return `Not JSON at byte ${at - start} of ${end - start}: expected ${expected}, found ${found}.`;
}

function nameOf(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `0x${byte.toString(16).padStart(2, '0')}`;
}
