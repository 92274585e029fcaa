/*
 * Reading of JSON (RFC 8259) from bytes. Functions take the position of the next byte and return the position after what they
 * read, or −1 when the bytes are not JSON: then `PROBLEM` says where and what was expected. Bytes at and beyond `end` are never looked
 * at. Values are left in `NUMBER[0]` and `TEXT`, so that nothing is allocated.
 */
import { EXACT_LIMIT, float32Of, POWERS_OF_TEN } from '../core/numbers.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const COLON = 0x3a;
const LEFT_BRACKET = 0x5b;
export const BACKSLASH = 0x5c;
const RIGHT_BRACKET = 0x5d;
const LEFT_BRACE = 0x7b;
const RIGHT_BRACE = 0x7d;
const SPACE = 0x20;

/** Deepest nesting of a value that is skipped. A parser without limit ends in a stack overflow, or in a stack as long as the record. */
export const MAX_DEPTH = 512;

/** Where the bytes stopped being JSON (a position in the buffer), and what would have been. */
export const PROBLEM: { at: number; expected: string } = { at: 0, expected: '' };

/** Value of the last `readNumber`. */
export const NUMBER = new Float64Array(1);

/** What the last `stringEnd` has seen. */
export const TEXT: { isEscaped: boolean; isAscii: boolean } = { isEscaped: false, isAscii: true };

/** Notes a problem. @returns −1, for the caller to return */
export function expected(at: number, what: string): -1 {
  PROBLEM.at = at;
  PROBLEM.expected = what;
  return -1;
}

/** Passes over white space. */
export function space(b: Uint8Array, p: number, end: number): number {
  while (p < end) {
    const c = b[p]!;
    if (c > SPACE || (c !== SPACE && c !== 0x0a && c !== 0x0d && c !== 0x09)) break;
    p++;
  }
  return p;
}

/** Finds the end of a string. @param p after the opening quote @returns the position of the closing quote */
export function stringEnd(b: Uint8Array, p: number, end: number): number {
  let seen = 0;
  let isEscaped = false;
  while (p < end) {
    const c = b[p]!;
    if (c === QUOTE) {
      TEXT.isEscaped = isEscaped;
      TEXT.isAscii = seen < 0x80;
      return p;
    }
    if (c < SPACE) return expected(p, 'no control character in a string');
    seen |= c;
    p++;
    if (c === BACKSLASH) {
      isEscaped = true;
      if ((p = escapeEnd(b, p, end)) < 0) return -1;
    }
  }
  return expected(end, 'a closing quote');
}

/** `"`, `/`, `\`, b, f, n, r, t: what may follow a backslash, besides u. */
const ESCAPES = new Set([0x22, 0x2f, 0x5c, 0x62, 0x66, 0x6e, 0x72, 0x74]);

function escapeEnd(b: Uint8Array, p: number, end: number): number {
  if (p < end && b[p] === 0x75) {
    for (let i = 1; i <= 4; i++)
      if (p + i >= end || hexDigit(b[p + i]!) < 0) return expected(Math.min(p + i, end), 'four hexadecimal digits after \\u');
    return p + 5;
  }
  return p < end && ESCAPES.has(b[p]!) ? p + 1 : expected(p, 'one of "\\/bfnrtu after a backslash');
}

/** Value of a hexadecimal digit; −1 when the byte is none. */
export function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const letter = c | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** What is wanted of a number: nothing, the float32 nearest to its double, or the double that `Number` gives. */
export const SKIPPED = 0;
export const SINGLE = 1;
export const DOUBLE = 2;

/**
 * Reads a number into `NUMBER[0]`. A string is made only of one with a large exponent, and for a double of one with more than about
 * 16 digits.
 */
export function readNumber(b: Buffer, start: number, end: number, wanted: typeof SKIPPED | typeof SINGLE | typeof DOUBLE): number {
  let p = start;
  const isNegative = p < end && b[p] === MINUS;
  if (isNegative) p++;
  const first = p;
  let mantissa = 0;
  let digit = 0;
  while (p < end && (digit = b[p]! - 0x30) >= 0 && digit <= 9) {
    mantissa = mantissa * 10 + digit;
    p++;
  }
  if (p === first) return expected(p, isNegative ? 'a digit' : 'a value');
  if (p > first + 1 && b[first] === 0x30) return expected(first + 1, 'no digit after a leading zero');
  let scale = 0;
  let digits = p - first;
  if (p < end && b[p] === POINT) {
    const point = ++p;
    while (p < end && (digit = b[p]! - 0x30) >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      p++;
    }
    if (p === point) return expected(p, 'a digit after the decimal point');
    scale = point - p;
    digits -= scale;
  }
  if (p < end && (b[p]! | 0x20) === 0x65) {
    p++;
    const isDown = p < end && b[p] === MINUS;
    if (isDown || (p < end && b[p] === 0x2b)) p++;
    const from = p;
    let exponent = 0;
    while (p < end && (digit = b[p]! - 0x30) >= 0 && digit <= 9) {
      exponent = exponent * 10 + digit;
      p++;
    }
    if (p === from) return expected(p, 'a digit of the exponent');
    scale += isDown ? -exponent : exponent;
  }
  if (wanted === SKIPPED) return p;
  if (mantissa < EXACT_LIMIT && scale > -POWERS_OF_TEN.length && scale < POWERS_OF_TEN.length) {
    const value = scale < 0 ? mantissa / POWERS_OF_TEN[-scale]! : mantissa * POWERS_OF_TEN[scale]!;
    NUMBER[0] = isNegative ? -value : value;
    return p;
  }
  const single = wanted === SINGLE ? float32Of(mantissa, digits, scale) : Number.NaN;
  if (single === single) NUMBER[0] = isNegative ? -single : single;
  else NUMBER[0] = Number(b.toString('latin1', start, p));
  return p;
}

/** True when a number that `readNumber` has read is digits alone, with or without a sign. */
export function isWhole(b: Uint8Array, p: number, end: number): boolean {
  for (let i = p; i < end; i++) if (b[i]! > 0x39 || (b[i]! < 0x30 && b[i] !== MINUS)) return false;
  return true;
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** Passes over `true`, `false` or `null`. */
export function literalEnd(b: Uint8Array, p: number, end: number): number {
  const c = p < end ? b[p] : 0;
  const word = c === 0x74 ? TRUE : c === 0x66 ? FALSE : c === 0x6e ? NULL : undefined;
  if (word === undefined) return expected(p, 'a value');
  for (let i = 1; i < word.length; i++)
    if (p + i >= end || b[p + i] !== word[i]) return expected(Math.min(p + i, end), word.toString('latin1'));
  return p + word.length;
}

/** Passes over a number or literal. */
function scalarEnd(b: Buffer, p: number, end: number): number {
  return p < end && b[p]! < 0x40 ? readNumber(b, p, end, SKIPPED) : literalEnd(b, p, end);
}

/** Passes over a key, its colon and white space. @param p where its opening quote should be */
function skipKey(b: Uint8Array, p: number, end: number): number {
  if (p >= end || b[p] !== QUOTE) return expected(p, 'a key in double quotes');
  const close = stringEnd(b, p + 1, end);
  return close < 0 ? -1 : skipColon(b, close + 1, end);
}

/** Passes over the colon after a key, and white space around it. */
export function skipColon(b: Uint8Array, p: number, end: number): number {
  p = space(b, p, end);
  return p < end && b[p] === COLON ? space(b, p + 1, end) : expected(p, 'a colon after the key');
}

/** Containers around the value that is skipped, outermost first: 1 an object, 0 an array. */
const OPEN = new Uint8Array(MAX_DEPTH);

/** Passes over any value. @param p its first byte (white space is behind) */
export function skipValue(b: Buffer, p: number, end: number): number {
  let depth = 0;
  for (;;) {
    const c = p < end ? b[p]! : 0;
    if (c === QUOTE) {
      if ((p = stringEnd(b, p + 1, end)) < 0) return -1;
      p++;
    } else if (c === LEFT_BRACE || c === LEFT_BRACKET) {
      if (depth === MAX_DEPTH) return expected(p, `at most ${MAX_DEPTH} levels of nesting`);
      const isObject = c === LEFT_BRACE;
      OPEN[depth++] = isObject ? 1 : 0;
      p = space(b, p + 1, end);
      if (p >= end || b[p] !== (isObject ? RIGHT_BRACE : RIGHT_BRACKET)) {
        if (isObject && (p = skipKey(b, p, end)) < 0) return -1;
        continue;
      }
      // Empty: the closing bracket is dealt with below.
    } else if ((p = scalarEnd(b, p, end)) < 0) return -1;
    for (;;) {
      if (depth === 0) return p;
      const isObject = OPEN[depth - 1] === 1;
      p = space(b, p, end);
      const next = p < end ? b[p]! : 0;
      if (next === (isObject ? RIGHT_BRACE : RIGHT_BRACKET)) {
        p++;
        depth--;
        continue;
      }
      if (next !== COMMA) return expected(p, isObject ? 'a comma or }' : 'a comma or ]');
      p = space(b, p + 1, end);
      if (isObject && (p = skipKey(b, p, end)) < 0) return -1;
      break;
    }
  }
}
