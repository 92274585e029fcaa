/** `weir dlq ls`: what is in a dead-letter topic. */
import { type DlqOptions, type ListedLetter, openDeadLetters, readLedger, readLetters } from './dlq-topic.ts';

/** How many dead letters have one code. */
export interface CodeCount {
  readonly code: string;
  readonly stage: string;
  letters: number;
  redriven: number;
  /** When the first and the last were written, milliseconds since the epoch. */
  firstMs: number;
  lastMs: number;
}

/** What was found. */
export interface DeadLetterList {
  readonly topic: string;
  /** By number of dead letters, most first. */
  readonly codes: readonly CodeCount[];
}

/**
 * Hands every dead letter that the filter means to `onLetter` and counts them by code.
 * Nothing is written or committed.
 * @throws WeirError
 */
export async function listDeadLetters(options: DlqOptions, onLetter: (listed: ListedLetter) => void): Promise<DeadLetterList> {
  const from = await openDeadLetters(options);
  const ledger = await readLedger(from);
  const codes = new Map<string, CodeCount>();
  for await (const letter of readLetters(from, options.filter)) {
    const isRedriven = ledger.has(letter.partition, letter.offset);
    const { code, stage, timestampMs } = letter;
    let count = codes.get(code);
    if (!count) codes.set(code, (count = { code, stage, letters: 0, redriven: 0, firstMs: timestampMs, lastMs: timestampMs }));
    count.letters++;
    if (isRedriven) count.redriven++;
    count.firstMs = Math.min(count.firstMs, timestampMs);
    count.lastMs = Math.max(count.lastMs, timestampMs);
    onLetter({ letter, isRedriven });
  }
  return { topic: from.topic, codes: [...codes.values()].sort((a, b) => b.letters - a.letters) };
}
