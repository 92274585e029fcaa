import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHeaders, encodeHeaders } from '../../../src/core/headers.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';

describe('headers', () => {
  it('survive encoding and decoding (property)', () => {
    const header = fc.record({ key: fc.string(), value: fc.option(fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b))) });
    fc.assert(
      fc.property(fc.array(header, { maxLength: 5 }), fc.nat(10), (headers, padding) => {
        const encoded = encodeHeaders(headers);
        const framed = Buffer.concat([Buffer.alloc(padding), encoded, Buffer.alloc(3)]);
        expect(decodeHeaders(framed, padding, encoded.length)).toEqual(
          headers.map(({ key, value }) => ({ key: Buffer.from(key).toString(), value })),
        );
      }),
    );
  });

  it('end in a RangeError for any other bytes, never in a hang or a huge allocation', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        try {
          expect(decodeHeaders(bytes, 0, bytes.length).length).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
    expect(() => decodeHeaders(Buffer.from('feffffff0f', 'hex'), 0, 5)).toThrow(RangeError);
  });
});

describe('OutputRecords', () => {
  it('keeps what was put in over growth of buffer and columns', () => {
    const out = new OutputRecords('t', 8);
    for (let i = 0; i < 200; i++) {
      out.push({
        partition: i % 3,
        timestampMs: i,
        key: i % 2 ? Buffer.from(`k${i}`) : null,
        value: Buffer.from(`value ${i}`),
        headers: i % 5 ? [] : [{ key: 'h', value: null }],
      });
    }
    expect(out.count).toBe(200);
    for (let i = 0; i < 200; i++) {
      expect(out.buffer.toString('utf8', out.valueStart[i], out.valueStart[i]! + out.valueLength[i]!)).toBe(`value ${i}`);
      expect(out.keyLength[i]).toBe(i % 2 ? `k${i}`.length : -1);
      expect(out.partition[i]).toBe(i % 3);
      expect(out.timestamps[i]).toBe(i);
      expect(decodeHeaders(out.buffer, out.headerStart[i]!, out.headerLength[i]!)).toEqual(i % 5 ? [] : [{ key: 'h', value: null }]);
    }
    out.clear();
    expect([out.count, out.bytes]).toEqual([0, 0]);
  });

  it('lets a writer use room() and commit() in place', () => {
    const out = new OutputRecords('t', 4);
    const at = out.room(10);
    out.buffer.write('0123456789', at);
    expect(out.commit(10)).toBe(at);
    out.add(-1, 5, 0, -1, at, 10);
    expect(out.buffer.toString('utf8', out.valueStart[0], out.valueStart[0]! + out.valueLength[0]!)).toBe('0123456789');
  });
});
