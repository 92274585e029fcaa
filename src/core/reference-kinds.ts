import type { WindowSize } from './window-size.ts';

/**
 * What a window can be compared with, always in the bins of the reference profile: the profile that was built at training (`training`), a
 * window that somebody has found healthy (`pinned`), or an earlier window of the same size (`previous`).
 */
export const REFERENCE_KINDS = ['training', 'pinned', 'previous'] as const;
/** What a window is compared with. */
export type ReferenceKind = (typeof REFERENCE_KINDS)[number];
/** All but the reference profile itself. */
export type OtherKind = Exclude<ReferenceKind, 'training'>;

/** Counts of earlier windows of a size that are kept at most, to compare later ones with. */
export const MOST_PAST_WINDOWS = 1_024;

/** Which earlier window: so many before (0: none), or the one that held the start so long before. */
export type PreviousRule = { readonly windows: number } | { readonly agoMs: number };

/**
 * Start of the window that the one which begins at `startMs` is compared with. A window that is as long as `agoMs` or longer is compared
 * with the one directly before it.
 * @returns undefined when it is to be compared with none
 */
export function previousStart(size: WindowSize, rule: PreviousRule, startMs: number): number | undefined {
  if ('agoMs' in rule) return size.longestMs < rule.agoMs ? size.startOf(startMs - rule.agoMs) : size.before(startMs);
  if (rule.windows === 0) return undefined;
  let start = startMs;
  for (let i = 0; i < rule.windows; i++) start = size.before(start);
  return start;
}
