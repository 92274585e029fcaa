import { roundText } from '../core/text.ts';

export { countText as numberText } from '../core/text.ts';

/** A time as ISO 8601 in UTC; what is none is shown as it is. */
export function timeText(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

/** A number to four digits; a dash when it is not known. */
export function shortText(value: number | null): string {
  return value === null ? '-' : roundText(value);
}

// Characters that could move the cursor, change colours or reorder what a terminal shows.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/** Text from a record, safe for a terminal: what is not printable becomes an escape such as `\x1b`. */
export function safeText(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as text when they are printable UTF-8, else as hexadecimal; at most `most` bytes of them. */
export function bytesText(bytes: Uint8Array, most = 64): string {
  let text: string | undefined;
  try {
    text = decoder.decode(bytes);
  } catch {
    text = undefined; // Not UTF-8.
  }
  if (text !== undefined && text.search(UNPRINTABLE) < 0) return cut(text, most);
  const hex = Buffer.from(bytes.subarray(0, most)).toString('hex');
  return `0x${hex}${bytes.length > most ? '…' : ''}`;
}

/** Text of at most so many characters. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}

/** Bytes in rows of sixteen: position, hexadecimal, and what is ASCII. */
export function hexDump(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0'));
    const left = hex.slice(0, 8).join(' ').padEnd(23);
    const right = hex.slice(8).join(' ').padEnd(23);
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${left}  ${right}  |${text}|`);
  }
  return lines;
}
