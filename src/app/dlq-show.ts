/** `weir dlq show`: one dead letter with everything that is known of it. */
import type { DlqOptions, ListedLetter } from './dlq-topic.ts';
import { openDeadLetters, readLedger, readLetters } from './dlq-topic.ts';

/** Which dead letter. */
export interface LetterPlace {
  readonly partition: number;
  readonly offset: number;
  /** True: partition and offset are those of the input record; the newest dead letter of it is meant. */
  readonly isSource: boolean;
}

/**
 * Finds a dead letter; undefined when it is not there (or when what is there is not a dead letter of weir).
 * @throws WeirError
 */
export async function findDeadLetter(options: DlqOptions, { partition, offset, isSource }: LetterPlace): Promise<ListedLetter | undefined> {
  const opened = await openDeadLetters({ ...options, filter: isSource ? {} : { partitions: [partition] } });
  const ranges = isSource
    ? opened.ranges
    : opened.ranges.filter(({ from, to }) => from <= offset && offset < to).map((range) => ({ ...range, from: offset, to: offset + 1 }));
  let found: ListedLetter['letter'] | undefined;
  for await (const letter of readLetters(opened, {}, ranges)) {
    const place = isSource ? letter.source : letter;
    if (place.partition !== partition || place.offset !== offset) continue;
    if (!found || found.timestampMs <= letter.timestampMs) found = letter;
  }
  if (!found) return undefined;
  // Markers of a dead letter come after it, in its partition.
  const { partition: at, offset: from } = found;
  const after = opened.ranges.filter((range) => range.partition === at).map((range) => ({ ...range, from }));
  const ledger = await readLedger({ ...opened, ranges: after });
  return { letter: found, isRedriven: ledger.has(at, from) };
}
