/** Powers of ten that a double holds exactly: 10^0 … 10^22. */
export const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * From here on not every integer is a double. Digits that were gathered as `mantissa = mantissa * 10 + digit` are exact when the
 * result is below it (no step rounds before it is reached, and none gets below it again), however many they were; and an
 * exact mantissa divided or multiplied by an exact power of ten is the correctly rounded value (Clinger, 1990).
 */
export const EXACT_LIMIT = 2 ** 53;

/** Up to so many digits the roundings of a mantissa beyond `EXACT_LIMIT`, two a digit, stay within what `float32Of` allows for. */
const MOST_DIGITS = 25;
const BELOW = 1 - 2 ** -47;
const ABOVE = 1 + 2 ** -47;

/**
 * `mantissa` × 10^`scale` as float32, where the mantissa was gathered from more digits than a double holds (as printed doubles
 * have: 17). It is off by less than 2^−48 of its value, which nearly never reaches over the middle between two floats.
 * @param digits number of digits it was gathered from
 * @returns NaN when it cannot be decided so: read the text
 */
export function float32Of(mantissa: number, digits: number, scale: number): number {
  if (digits > MOST_DIGITS || scale <= -POWERS_OF_TEN.length || scale >= POWERS_OF_TEN.length) return Number.NaN;
  const value = scale < 0 ? mantissa / POWERS_OF_TEN[-scale]! : mantissa * POWERS_OF_TEN[scale]!;
  const low = Math.fround(value * BELOW);
  return low === Math.fround(value * ABOVE) ? low : Number.NaN;
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

const WORDS = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['+infinity', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
]);

/**
 * Number of a decimal text (`1999`, `-1.5e3`, `nan`, `-Infinity`), rounded as `Number` rounds.
 * Undefined when the text is no number: `Number` alone would take '' for 0 and '0x10' for 16.
 */
export function numberFromText(text: string): number | undefined {
  return DECIMAL.test(text) ? Number(text) : WORDS.get(text.toLowerCase());
}

/**
 * As `numberFromText`, from the ASCII bytes `start` … `end` − 1. Up to 15 digits, and mostly 16, are read without making a
 * string, which is nearly every value.
 */
export function numberFromBytes(bytes: Buffer, start = 0, end: number = bytes.length): number | undefined {
  let at = start;
  const negative = at < end && bytes[at] === 0x2d;
  if (negative) at++;
  let digits = 0;
  let mantissa = 0;
  let point = -1;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x30 && byte <= 0x39) {
      mantissa = mantissa * 10 + (byte - 0x30);
      digits++;
    } else if (byte === 0x2e && point < 0) point = digits;
    else return numberFromText(bytes.toString('latin1', start, end));
  }
  const scale = point < 0 ? 0 : digits - point;
  if (digits === 0 || mantissa >= EXACT_LIMIT || scale >= POWERS_OF_TEN.length) return numberFromText(bytes.toString('latin1', start, end));
  const value = mantissa / POWERS_OF_TEN[scale]!;
  return negative ? -value : value;
}
