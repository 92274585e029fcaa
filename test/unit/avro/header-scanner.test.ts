import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHeaderScanner, HEADER_ABSENT, VarintReader } from '../../../src/avro/header-scanner.ts';
import { decodeHeaders, encodeHeaders, type Header } from '../../../src/core/headers.ts';

const header = fc.record({
  key: fc.constantFrom('a', 'b', 'traceparent', 'tracestate', '', 'é'),
  value: fc.option(fc.uint8Array({ maxLength: 200 }), { nil: null }),
});

describe('createHeaderScanner', () => {
  test('finds the last of each wanted header, as a full decode does', () => {
    const wanted = ['traceparent', 'a'];
    const scanner = createHeaderScanner(wanted);
    fc.assert(
      fc.property(fc.array(header, { maxLength: 8 }), fc.nat(5), (headers, before) => {
        const bytes = encodeHeaders(headers);
        const buffer = Buffer.concat([Buffer.alloc(before, 0x7f), bytes, Buffer.alloc(3, 0x7f)]);
        expect(scanner.scan(buffer, before, bytes.length)).toBe(true);
        for (const [i, key] of wanted.entries()) {
          const last = headers.findLast((h) => h.key === key) as Header | undefined;
          if (last === undefined) expect(scanner.lengths[i]).toBe(HEADER_ABSENT);
          else if (last.value === null) expect(scanner.lengths[i]).toBe(-1);
          else expect(buffer.subarray(scanner.starts[i]!, scanner.starts[i]! + scanner.lengths[i]!)).toEqual(Buffer.from(last.value));
        }
      }),
    );
  });

  test('says false for arbitrary bytes exactly when they cannot be decoded whole, and never reads outside', () => {
    const scanner = createHeaderScanner(['a']);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 24 }), (bytes) => {
        // Behind the range lies what would make a sloppy scanner go on.
        const buffer = Buffer.concat([bytes, encodeHeaders([{ key: 'a', value: Buffer.from('outside') }])]);
        const isValid = scanner.scan(buffer, 0, bytes.length);
        if (isValid) expect(() => decodeHeaders(buffer, 0, bytes.length)).not.toThrow();
        else expect(scanner.lengths[0]).toBe(HEADER_ABSENT);
        if (scanner.lengths[0]! >= 0) expect(scanner.starts[0]! + scanner.lengths[0]!).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2_000 },
    );
  });

  test('refuses bytes left over after the last header, a huge count and truncation', () => {
    const scanner = createHeaderScanner(['a']);
    const bytes = encodeHeaders([{ key: 'a', value: Buffer.from('1') }]);
    expect(scanner.scan(Buffer.concat([bytes, Buffer.of(0)]), 0, bytes.length + 1)).toBe(false);
    expect(scanner.scan(Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f]), 0, 5)).toBe(false);
    for (let length = 1; length < bytes.length; length++) expect(scanner.scan(bytes, 0, length)).toBe(false);
  });

  test('a result does not survive into the next record', () => {
    const scanner = createHeaderScanner(['a']);
    const bytes = encodeHeaders([{ key: 'a', value: Buffer.from('1') }]);
    scanner.scan(bytes, 0, bytes.length);
    expect(scanner.lengths[0]).toBe(1);
    expect(scanner.scan(bytes, 0, 0)).toBe(true);
    expect(scanner.lengths[0]).toBe(HEADER_ABSENT);
  });
});

test('VarintReader refuses more than five bytes', () => {
  const reader = new VarintReader();
  reader.read(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x01]), 0, 6);
  expect(reader.next).toBe(-1);
});
