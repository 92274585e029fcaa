import type { AvroSchema } from './schema.ts';

/** Milliseconds since the epoch = number × multiply ÷ divide, by the logical type of an int or long. */
export interface TimeUnit {
  readonly multiply: number;
  readonly divide: number;
}

/**
 * The unit in which a type counts time; a plain number counts milliseconds. Nanoseconds of today need more than the 53 bits of a
 * double: in the last 128 of a millisecond the next one may be taken.
 */
export function timeUnit(schema: AvroSchema): TimeUnit {
  switch (schema.logicalType) {
    case 'timestamp-micros':
    case 'local-timestamp-micros':
      return { multiply: 1, divide: 1e3 };
    case 'timestamp-nanos':
    case 'local-timestamp-nanos':
      return { multiply: 1, divide: 1e6 };
    case 'date':
      return schema.type === 'int' ? { multiply: 86_400_000, divide: 1 } : { multiply: 1, divide: 1 };
    default:
      return { multiply: 1, divide: 1 };
  }
}

/** Whole milliseconds since the epoch of a number of the type. */
export function millisFrom(schema: AvroSchema, value: number): number {
  const { multiply, divide } = timeUnit(schema);
  return Math.floor((value * multiply) / divide);
}

/** Value of a decimal of one byte or more: big-endian two's complement ÷ 10^scale, to double precision. */
export function decimalFrom(bytes: Uint8Array, start: number, size: number, scale: number): number {
  let value = bytes[start]! > 127 ? bytes[start]! - 256 : bytes[start]!;
  for (let i = 1; i < size; i++) value = value * 256 + bytes[start + i]!;
  return value / 10 ** scale;
}

const HEX = '0123456789abcdef';

/** Text form of a uuid held in 16 bytes. */
export function uuidText(bytes: Uint8Array, start: number): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[bytes[start + i]! >> 4]! + HEX[bytes[start + i]! & 15]!;
  }
  return text;
}

// float32 keeps 24 bits; of the times only these have more in everyday use.
const TOO_FINE_FOR_FLOAT = /^(local-)?timestamp-|^time-micros$/;

/** What a reader should know about logical types that do not survive as they are; the list is empty for most fields. */
export function logicalTypeWarnings(
  path: string,
  writer: AvroSchema,
  reader: AvroSchema,
  use: { readonly float: boolean; readonly time: boolean },
): string[] {
  const warnings: string[] = [];
  const from = writer.logicalType;
  const to = reader.logicalType;
  const isTimeLike = (name: string | undefined): boolean => name !== undefined && /^(local-)?time|^date$/.test(name);
  if (from === 'decimal' && to === 'decimal' && (writer.scale ?? 0) !== (reader.scale ?? 0)) {
    warnings.push(
      `${path} is written as a decimal of scale ${writer.scale ?? 0} and read with scale ${reader.scale ?? 0}: as in Java the digits are kept and the value changes.`,
    );
  } else if (from !== to && ((from !== undefined && to !== undefined) || from === 'decimal' || to === 'decimal')) {
    warnings.push(
      `${path} is written as ${from ?? `plain ${writer.type}`} and read as ${to ?? `plain ${reader.type}`}: the number is not converted.`,
    );
  } else if (from !== to && use.time && isTimeLike(from) && from !== 'timestamp-millis') {
    warnings.push(`${path} is written as ${from}, but the reader schema has no logical type: it is taken as milliseconds.`);
  }
  if (use.float && to !== undefined && TOO_FINE_FOR_FLOAT.test(to))
    warnings.push(`${path} (${to}) fills a float32 column, which keeps 24 bits: times far from the epoch lose seconds or more.`);
  return warnings;
}
