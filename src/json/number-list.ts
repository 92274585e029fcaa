/*
 * Lists of numbers, the hot part of records that carry an embedding or an image: thousands of bytes for one binding. Nearly all
 * numbers of such lists are short decimals, whose digits are read four at a time.
 */
import { EXACT_LIMIT, float32Of, numberFromText, POWERS_OF_TEN } from '../core/numbers.ts';
import { literalEnd, NUMBER, readNumber, SINGLE, space } from './scanner.ts';

// Here and not imported: a constant of another module is loaded and checked at every use.
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const BACKSLASH = 0x5c;
const RIGHT_BRACKET = 0x5d;
const SPACE = 0x20;

/** What became of the last `readNumbers` that returned −1. */
export const LIST: {
  /** `number`: an element is none. `more`, `fewer`: too many or too few. `escaped`: the text has a backslash: resolve it first. */
  problem: 'number' | 'more' | 'fewer' | 'escaped';
  /** Elements that were read. */
  count: number;
} = { problem: 'number', count: 0 };

function give(problem: typeof LIST.problem, count: number): -1 {
  LIST.problem = problem;
  LIST.count = count;
  return -1;
}

/** True when the four bytes of a little-endian word are digits. */
function areDigits(word: number): boolean {
  return (word & 0xf0f0f0f0) === 0x30303030 && ((word + 0x06060606) & 0xf0f0f0f0) === 0x30303030;
}

/** Value of four digits in a little-endian word, the first digit in its lowest byte: two at a time, then both pairs. */
function digitsOf(word: number): number {
  const single = word & 0x0f0f0f0f;
  const pairs = (single * 10 + (single >>> 8)) & 0x00ff00ff;
  return (pairs * 100 + (pairs >>> 16)) & 0xffff;
}

/**
 * Reads a list of exactly `size` numbers, separated by commas, into `out[at]` and the places after it.
 *
 * In an array (`closing` is `]`) elements are JSON: numbers, and null for no value (NaN). In a text (`closing` is `"`) they are
 * whatever programs print: also `nan`, `inf`, `1.` and `+1`. White space may stand around each.
 * @param p the first byte after the opening bracket or quote; @param view over the bytes of `b`, same positions
 * @returns the position of the closing byte, or −1: `LIST` says why, and the bytes need not be JSON
 */
export function readNumbers(
  b: Buffer,
  view: DataView,
  p: number,
  end: number,
  closing: typeof QUOTE | typeof RIGHT_BRACKET,
  out: Float32Array,
  at: number,
  size: number,
): number {
  const last = at + size;
  let i = at;
  for (;;) {
    let next = 0;
    let isRead = false;
    // d.dddddddd stays in integers until one division.
    if (p + 11 <= end && b[p + 1] === POINT) {
      const whole = b[p]! - 0x30;
      const high = view.getInt32(p + 2, true);
      const low = view.getInt32(p + 6, true);
      next = b[p + 10]!;
      if (whole >= 0 && whole <= 9 && areDigits(high) && areDigits(low) && (next === COMMA || next === closing)) {
        if (i >= last) return give('more', size);
        out[i] = (whole * 100_000_000 + digitsOf(high) * 10_000 + digitsOf(low)) / 1e8;
        p += 10;
        isRead = true;
      }
    }
    if (!isRead) {
      let q = p;
      const isNegative = q < end && b[q] === MINUS;
      if (isNegative) q++;
      const first = q;
      let mantissa = 0;
      let digit = 0;
      while (q < end && (digit = b[q]! - 0x30) >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit;
        q++;
      }
      const whole = q - first;
      let scale = 0;
      if (q < end && b[q] === POINT) {
        const point = ++q;
        let word = 0;
        while (q + 4 <= end && areDigits((word = view.getInt32(q, true)))) {
          mantissa = mantissa * 10_000 + digitsOf(word);
          q += 4;
        }
        while (q < end && (digit = b[q]! - 0x30) >= 0 && digit <= 9) {
          mantissa = mantissa * 10 + digit;
          q++;
        }
        scale = q - point;
        // A point without digits is for the careful reader.
        if (scale === 0) scale = POWERS_OF_TEN.length;
      }
      next = q < end ? b[q]! : 0;
      const isPlain = whole > 0 && (whole === 1 || b[first] !== 0x30) && (next === COMMA || next === closing);
      const isExact = mantissa < EXACT_LIMIT && scale < POWERS_OF_TEN.length;
      const value = !isPlain ? Number.NaN : isExact ? mantissa / POWERS_OF_TEN[scale]! : float32Of(mantissa, whole + scale, -scale);
      if (value === value) {
        if (i >= last) return give('more', size);
        out[i] = isNegative ? -value : value;
        p = q;
      } else {
        q = closing === QUOTE ? readPrinted(b, p, end) : readElement(b, p, end);
        if (q === EMPTY && i === at) return give('fewer', 0);
        if (q < 0 || q >= end) return give(q === ESCAPED ? 'escaped' : 'number', i - at);
        next = b[q]!;
        if (next !== COMMA && next !== closing) return give('number', i - at);
        if (i >= last) return give('more', size);
        out[i] = NUMBER[0]!;
        p = q;
      }
    }
    i++;
    if (next === closing) return i === last ? p : give('fewer', i - at);
    p++;
    while (p < end && b[p] === SPACE) p++;
  }
}

/** Longer than any double in full: 1,075 digits and some. */
const MOST_PRINTED = 1_100;
const ESCAPED = -2;
const EMPTY = -3;

/** Reads an element of an array, white space around it included, into `NUMBER[0]`. @returns the position after it, −1 or EMPTY */
function readElement(b: Buffer, p: number, end: number): number {
  p = space(b, p, end);
  const c = p < end ? b[p]! : 0;
  if (c === RIGHT_BRACKET) return EMPTY;
  if (c === 0x6e) {
    NUMBER[0] = Number.NaN;
    p = literalEnd(b, p, end);
  } else p = readNumber(b, p, end, SINGLE);
  return p < 0 ? -1 : space(b, p, end);
}

/** Reads an element of a text, white space around it included, into `NUMBER[0]`. @returns as `readElement`, or ESCAPED */
function readPrinted(b: Buffer, start: number, end: number): number {
  let from = start;
  while (from < end && b[from] === SPACE) from++;
  let p = from;
  while (p < end && b[p] !== COMMA && b[p] !== QUOTE) {
    if (b[p] === BACKSLASH) return ESCAPED;
    // A control character makes it no JSON: no number either.
    if (b[p]! < SPACE) return -1;
    p++;
  }
  if (p === from) return p < end && b[p] === QUOTE ? EMPTY : -1;
  let to = p;
  while (b[to - 1] === SPACE) to--;
  // What is longer than any printed number is none, and no reason to make a long string.
  const value = to - from > MOST_PRINTED ? undefined : numberFromText(b.toString('latin1', from, to));
  if (value === undefined) return -1;
  NUMBER[0] = value;
  return p;
}
