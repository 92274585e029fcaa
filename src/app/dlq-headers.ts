import { VarintReader } from '../avro/header-scanner.ts';
import { encodeHeaders } from '../core/headers.ts';

/** Header of a redriven record: how often it has been redriven, in decimal. A record that fails again carries it on. */
export const ATTEMPT_HEADER = 'weir.redrive.attempt';

/** Header of a redrive marker: the offsets of its partition that have been redriven, such as `3-7,12`. */
export const OFFSETS_HEADER = 'weir.redrive.offsets';

/** Header of a redrive marker: the topic that the records were written to. */
export const TARGET_HEADER = 'weir.redrive.to';

/** One header of a record: its bytes, and what they say. */
export interface HeaderSpan {
  readonly key: string;
  readonly value: Buffer | null;
  /** The header as it stands in the record: key length, key, value length, value. */
  readonly bytes: Buffer;
}

/**
 * The headers of a record in order, repeated keys included. Layout: `RecordBatch.headerStart`.
 * @returns undefined when the bytes are not headers
 */
export function headerSpans(buffer: Buffer, start: number, length: number): HeaderSpan[] | undefined {
  if (length === 0) return [];
  const end = start + length;
  const varints = new VarintReader();
  const count = varints.read(buffer, start, end);
  let at = varints.next;
  if (at < 0 || count < 0 || count > length) return undefined;
  const spans: HeaderSpan[] = [];
  for (let i = 0; i < count; i++) {
    const from = at;
    const keyLength = varints.read(buffer, at, end);
    const keyStart = varints.next;
    if (keyStart < 0 || keyLength < 0 || keyLength > end - keyStart) return undefined;
    const valueLength = varints.read(buffer, keyStart + keyLength, end);
    const valueStart = varints.next;
    if (valueStart < 0 || valueLength < -1 || valueLength > end - valueStart) return undefined;
    at = valueStart + Math.max(0, valueLength);
    spans.push({
      key: buffer.toString('utf8', keyStart, keyStart + keyLength),
      value: valueLength < 0 ? null : buffer.subarray(valueStart, at),
      bytes: buffer.subarray(from, at),
    });
  }
  return at === end ? spans : undefined;
}

/** The value of the last header with a key, as text; undefined when there is none or it is null. */
export function headerText(spans: readonly HeaderSpan[], key: string): string | undefined {
  return spans.findLast((span) => span.key === key)?.value?.toString('utf8');
}

/** How often a record has been redriven. */
export function attemptOf(spans: readonly HeaderSpan[]): number {
  const text = headerText(spans, ATTEMPT_HEADER) ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

/** Header bytes of a redriven record: the original headers byte for byte, and the attempt in place of the one before. */
export function redrivenHeaders(original: readonly HeaderSpan[], attempt: number): Buffer {
  const kept = original.filter(({ key }) => key !== ATTEMPT_HEADER).map(({ bytes }) => bytes);
  const own = encodeHeaders([{ key: ATTEMPT_HEADER, value: Buffer.from(String(attempt)) }]);
  return Buffer.concat([zigzag(kept.length + 1), ...kept, own.subarray(1)]);
}

function zigzag(count: number): Buffer {
  const bytes: number[] = [];
  let rest = count * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
