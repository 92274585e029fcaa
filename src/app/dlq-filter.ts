import type { DeadLetter } from './dlq-letter.ts';

/** Which dead letters are meant; what is absent does not matter. */
export interface LetterFilter {
  readonly codes?: readonly string[];
  readonly stages?: readonly string[];
  /** Written at or after this time, milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** Written before this time. */
  readonly untilMs?: number;
  /** Partitions of the dead-letter topic. */
  readonly partitions?: readonly number[];
  /** Partitions of the input topic. */
  readonly sourcePartitions?: readonly number[];
}

/** True when a dead letter is meant. */
export function matches(filter: LetterFilter, letter: DeadLetter): boolean {
  const { codes, stages, sinceMs, untilMs, partitions, sourcePartitions } = filter;
  return (
    (codes === undefined || codes.includes(letter.code)) &&
    (stages === undefined || stages.includes(letter.stage)) &&
    (sinceMs === undefined || letter.timestampMs >= sinceMs) &&
    (untilMs === undefined || letter.timestampMs < untilMs) &&
    (partitions === undefined || partitions.includes(letter.partition)) &&
    (sourcePartitions === undefined || sourcePartitions.includes(letter.source.partition))
  );
}
