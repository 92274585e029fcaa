import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { decodeHeaders } from '../../../src/core/outputs.ts';
import { recordBatchFromMessages } from '../../../src/kafka/record-batch.ts';

const context = { topic: 't', partition: 3, epoch: 7, nextOffset: 99, highWatermark: 120, arrivedAtMs: 5 };
const bytes = fc.uint8Array({ maxLength: 20 }).map((b) => Buffer.from(b));

describe('recordBatchFromMessages', () => {
  it('keeps every byte, null apart from empty, and repeated headers', () => {
    const message = fc.record({
      key: fc.option(bytes),
      value: fc.option(bytes),
      headers: fc.option(
        fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.oneof(bytes, fc.array(bytes, { minLength: 1, maxLength: 3 }))),
        { nil: undefined },
      ),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
        const batch = recordBatchFromMessages(
          messages.map((m, i) => ({ ...m, offset: String(10 + i), timestamp: String(1000 + i), attributes: 0 }) as unknown as KafkaMessage),
          context,
        );
        expect(batch.count).toBe(messages.length);
        expect(batch.buffer.length).toBe(batch.bytes);
        const part = (start: number, length: number) => (length < 0 ? null : batch.buffer.subarray(start, start + length));
        messages.forEach((m, i) => {
          expect(batch.offsets[i]).toBe(10 + i);
          expect(batch.timestamps[i]).toBe(1000 + i);
          expect(part(batch.keyStart[i]!, batch.keyLength[i]!)).toEqual(m.key);
          expect(part(batch.valueStart[i]!, batch.valueLength[i]!)).toEqual(m.value);
          const expected = Object.entries(m.headers ?? {}).flatMap(([key, v]) =>
            (Array.isArray(v) ? v : [v]).map((value) => ({ key, value })),
          );
          expect(decodeHeaders(batch.buffer, batch.headerStart[i]!, batch.headerLength[i]!)).toEqual(expected);
        });
      }),
    );
  });
});
