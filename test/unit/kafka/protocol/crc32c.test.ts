import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../../src/kafka/protocol/crc32c.ts';

/** Bit by bit, straight from the definition. */
function byDefinition(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('crc32c', () => {
  const of = (bytes: Uint8Array) => crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0');

  it('gives the values of RFC 3720 and the check value of the catalogue', () => {
    expect(of(Buffer.from('123456789'))).toBe('e3069283');
    expect(of(new Uint8Array(32))).toBe('8a9136aa');
    expect(of(new Uint8Array(32).fill(255))).toBe('62a8ab43');
    expect(of(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe('46dd794e');
    expect(of(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe('113fdb5c');
    expect(of(new Uint8Array())).toBe('00000000');
  });

  it('gives the check value for long ranges, wherever they lie in their buffer', () => {
    const bytes = Buffer.alloc(100_000).map((_, i) => (i * 2_654_435_761) >>> 24);
    for (const [start, end] of [
      [0, 100_000],
      [7, 65_543],
      [99_000, 99_127],
      [99_000, 99_128],
      [1, 130],
    ] as const) {
      expect(crc32c(bytes, start, end)).toBe(byDefinition(bytes.subarray(start, end)));
      expect(crc32c(bytes.subarray(start), 0, end - start)).toBe(byDefinition(bytes.subarray(start, end)));
    }
  });

  it('equals the definition over any range of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700, size: 'max' }), fc.nat(700), fc.nat(700), (bytes, a, b) => {
        const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
        expect(crc32c(bytes, start, end)).toBe(byDefinition(bytes.subarray(start, end)));
      }),
      { numRuns: 500 },
    );
  });
});
