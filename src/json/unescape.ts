import { BACKSLASH, hexDigit } from './scanner.ts';

/** What a byte after a backslash stands for; 0: itself. */
const MEANING = new Uint8Array(128);
for (const [letter, meaning] of Object.entries({ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }))
  MEANING[letter.charCodeAt(0)] = meaning.charCodeAt(0);

/** UTF-8 bytes of the last `unescape`; replaced when it grows. */
export const UNESCAPED: { bytes: Buffer } = { bytes: Buffer.allocUnsafeSlow(1024) };

/**
 * Writes a string that `stringEnd` has passed over into `UNESCAPED`, escapes resolved.
 * @param p after the opening quote; @param end the closing quote
 * @returns the number of bytes; −1 when an escape is half of a surrogate pair, which no UTF-8 can hold
 */
export function unescape(b: Uint8Array, p: number, end: number): number {
  // An escape is never shorter than what it stands for; one byte more for those who put a closing quote behind.
  if (UNESCAPED.bytes.length <= end - p) UNESCAPED.bytes = Buffer.allocUnsafeSlow(2 * (end - p));
  const into = UNESCAPED.bytes;
  let at = 0;
  while (p < end) {
    const c = b[p++]!;
    if (c !== BACKSLASH) {
      into[at++] = c;
      continue;
    }
    const letter = b[p++]!;
    if (letter !== 0x75) {
      into[at++] = MEANING[letter]! || letter;
      continue;
    }
    let code = fourHex(b, p);
    p += 4;
    if (code >= 0xd800 && code < 0xe000) {
      const low = code < 0xdc00 && p + 6 <= end && b[p] === BACKSLASH && b[p + 1] === 0x75 ? fourHex(b, p + 2) : 0;
      if (low < 0xdc00 || low >= 0xe000) return -1;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      p += 6;
    }
    at = putCodePoint(into, at, code);
  }
  return at;
}

function fourHex(b: Uint8Array, p: number): number {
  return (hexDigit(b[p]!) << 12) | (hexDigit(b[p + 1]!) << 8) | (hexDigit(b[p + 2]!) << 4) | hexDigit(b[p + 3]!);
}

function putCodePoint(into: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    into[at++] = code;
    return at;
  }
  if (code < 0x800) into[at++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) into[at++] = 0xe0 | (code >> 12);
    else {
      into[at++] = 0xf0 | (code >> 18);
      into[at++] = 0x80 | ((code >> 12) & 0x3f);
    }
    into[at++] = 0x80 | ((code >> 6) & 0x3f);
  }
  into[at++] = 0x80 | (code & 0x3f);
  return at;
}
