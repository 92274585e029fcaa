import type { LetterFilter } from './dlq-filter.ts';
import { ATTEMPT_HEADER } from './dlq-headers.ts';
import type { RedriveLedger } from './dlq-ledger.ts';
import type { DeadLetter } from './dlq-letter.ts';
import { type DeadLetterTopic, readLetters } from './dlq-topic.ts';

/** Why a dead letter is not redriven, or that it is. */
export type RedriveVerdict =
  | 'redrive'
  /** A redrive before has done it. */
  | 'already'
  /** It has come back as often as is allowed. */
  | 'exhausted'
  /** Its value was too large for the dead-letter topic and is not in the dead letter. */
  | 'without-value'
  /** The bytes of its headers are not headers, so that none can be added. */
  | 'unreadable-headers'
  /** A label, and the target is not the labels topic; or the other way round. */
  | 'other-topic'
  /** The target topic does not accept so large a record. */
  | 'too-large'
  /** Beyond --limit. */
  | 'over-limit';

/** What decides whether a dead letter is redriven. */
export interface RedriveRules {
  readonly ledger: Pick<RedriveLedger, 'has'>;
  readonly maxAttempts: number;
  /** The labels topic, and whether it is the target; undefined: there is none. */
  readonly labels?: { readonly topic: string; readonly isTarget: boolean };
  /** Redrive what has been redriven before, too. */
  readonly again: boolean;
  /** Bytes of key, value and headers that the target accepts. */
  readonly maxRecordBytes: number;
}

/** Room for the attempt header. */
const ATTEMPT_BYTES = ATTEMPT_HEADER.length + 16;

/** Whether a dead letter is to be redriven. */
export function judge(letter: DeadLetter, { ledger, maxAttempts, again, labels, maxRecordBytes }: RedriveRules): RedriveVerdict {
  if (labels && (letter.source.topic === labels.topic) !== labels.isTarget) return 'other-topic';
  if (!again && ledger.has(letter.partition, letter.offset)) return 'already';
  if (letter.attempt >= maxAttempts) return 'exhausted';
  if (letter.omittedBytes !== undefined) return 'without-value';
  if (letter.rawHeaders !== undefined) return 'unreadable-headers';
  const headerBytes = letter.headers.reduce((sum, { bytes }) => sum + bytes.length, ATTEMPT_BYTES);
  const size = (letter.key?.length ?? 0) + (letter.value?.length ?? 0) + headerBytes;
  return size > maxRecordBytes ? 'too-large' : 'redrive';
}

/** What a redrive would do. */
export interface RedrivePlan {
  /** Dead letters by code and verdict. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<RedriveVerdict, number>>;
  /** Offsets to redrive, ascending, by partition of the dead-letter topic. */
  readonly chosen: ReadonlyMap<number, readonly number[]>;
  /** Number of them. */
  readonly total: number;
}

/**
 * Looks at every dead letter that the filter means. @param limit dead letters to redrive at most, the first ones
 * @throws WeirError
 */
export async function planRedrive(from: DeadLetterTopic, filter: LetterFilter, rules: RedriveRules, limit: number): Promise<RedrivePlan> {
  const counts = new Map<string, Map<RedriveVerdict, number>>();
  const chosen = new Map<number, number[]>();
  let total = 0;
  for await (const letter of readLetters(from, filter)) {
    let verdict = judge(letter, rules);
    if (verdict === 'redrive' && total >= limit) verdict = 'over-limit';
    let byVerdict = counts.get(letter.code);
    if (!byVerdict) counts.set(letter.code, (byVerdict = new Map()));
    byVerdict.set(verdict, (byVerdict.get(verdict) ?? 0) + 1);
    if (verdict !== 'redrive') continue;
    total++;
    const offsets = chosen.get(letter.partition);
    if (offsets) offsets.push(letter.offset);
    else chosen.set(letter.partition, [letter.offset]);
  }
  return { counts, chosen, total };
}
