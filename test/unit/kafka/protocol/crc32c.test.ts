import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { INPUT_BYTES } from '../../../../src/kafka/protocol/crc32c-wasm.ts';
import { crc32c, crc32cInJavaScript } from '../../../../src/kafka/protocol/crc32c.ts';

const both = [
  ['WebAssembly', crc32c],
  ['JavaScript', crc32cInJavaScript],
] as const;

/** Bit by bit, straight from the definition. */
function byDefinition(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe.each(both)('CRC-32C in %s', (_name, crc) => {
  const of = (bytes: Uint8Array) => crc(bytes, 0, bytes.length).toString(16).padStart(8, '0');

  it('gives the values of RFC 3720 and the check value of the catalogue', () => {
    expect(of(Buffer.from('123456789'))).toBe('e3069283');
    expect(of(new Uint8Array(32))).toBe('8a9136aa');
    expect(of(new Uint8Array(32).fill(255))).toBe('62a8ab43');
    expect(of(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe('46dd794e');
    expect(of(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe('113fdb5c');
    expect(of(new Uint8Array())).toBe('00000000');
  });

  it('equals the definition over any range of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (bytes, a, b) => {
        const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
        expect(crc(bytes, start, end)).toBe(byDefinition(bytes.subarray(start, end)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('crc32c', () => {
  it('feeds what exceeds the memory of the module in pieces', () => {
    const bytes = Buffer.alloc(2 * INPUT_BYTES + 40);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 2_654_435_761) >>> 24;
    for (const size of [INPUT_BYTES - 1, INPUT_BYTES, INPUT_BYTES + 1, INPUT_BYTES + 17, 2 * INPUT_BYTES, 2 * INPUT_BYTES + 33]) {
      expect(crc32c(bytes, 7, 7 + size)).toBe(crc32cInJavaScript(bytes, 7, 7 + size));
    }
  });

  it('falls back to JavaScript in a process without WebAssembly', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    vi.resetModules();
    try {
      const fallback = await import('../../../../src/kafka/protocol/crc32c.ts');
      expect(fallback.crc32c).not.toBe(crc32c);
      expect(fallback.crc32c(Buffer.from('x123456789y'), 1, 10).toString(16)).toBe('e3069283');
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
