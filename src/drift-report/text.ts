import { countText, roundText } from '../core/text.ts';
import type { DriftStatus } from '../drift/decision.ts';
import type { ExportedWindow } from '../drift/exported-window.ts';

export { countText } from '../core/text.ts';

/** A share in percent: one decimal below 10 %; a dash when it is not known. What is not nothing does not look like nothing. */
export function shareText(share: number | null): string {
  if (share === null) return '–';
  return share > 0 && share < 0.0005 ? '<0.1 %' : `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;
}

/** A number to so many digits. */
export function shortNumber(value: number | null, digits = 4): string {
  return value === null ? '–' : roundText(value, digits);
}

/** A number of things: `1 window`, `1,200 windows`. */
export function countOf(count: number, thing: string): string {
  return `${countText(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** A list for people: `a, b and c`; of more than `most`, the first of them and how many there are beside. */
export function listText(items: readonly string[], most: number): string {
  const named = items.length > most ? [...items.slice(0, most), `${countText(items.length - most)} more`] : items;
  return named.length < 2 ? named.join('') : `${named.slice(0, -1).join(', ')} and ${named.at(-1)!}`;
}

/** A time in UTC to the minute, which windows begin at: `2026-01-31 13:00`. */
export function minuteText(ms: number): string {
  return Math.abs(ms) <= 8.64e15
    ? new Date(ms)
        .toISOString()
        .replace('T', ' ')
        .replace(/:\d\d\.\d{3}Z$/, '')
    : String(ms);
}

/** From when to when a window is. */
export function windowText({ windowStart, windowEnd, final }: Pick<ExportedWindow, 'windowStart' | 'windowEnd' | 'final'>): string {
  return `${minuteText(windowStart)} to ${minuteText(windowEnd)}${final ? '' : ' (still open)'}`;
}

/** A status in words. */
export const STATUS_WORDS: Readonly<Record<DriftStatus, string>> = {
  OK: 'no drift',
  WARN: 'warning',
  DRIFT: 'in drift',
  INSUFFICIENT_DATA: 'too few rows',
};

/** A status as one character, so that it can be told without colours; nothing for what is well. */
export const STATUS_SYMBOLS: Readonly<Record<DriftStatus, string>> = { OK: '', WARN: '!', DRIFT: '▲', INSUFFICIENT_DATA: '?' };
