import { MOST_PAST_WINDOWS } from '../core/reference-kinds.ts';
import { windowSizeFrom } from '../core/window-size.ts';
import type { Rule, RuleFinding } from './rules.ts';

/** What decides on drift must be there, and earlier windows must be whole windows that are kept. */
export const referencesFit: Rule = ({ drift }) => {
  if (!drift) return [];
  const { reference, previous, pinned, windows } = drift;
  const findings: RuleFinding[] = [];
  const find = (key: string, message: string): void => void findings.push({ path: ['drift', key], message: `drift.${key}: ${message}` });
  if (reference === 'pinned' && pinned === undefined) find('reference', 'pinned needs drift.pinned, a file that weir profile pin writes');
  if (!previous) return findings;
  if (!('agoMs' in previous)) {
    if (reference === 'previous' && previous.windows === 0) find('reference', 'previous needs an earlier window; drift.previous is 0');
    return findings;
  }
  for (const name of windows ?? []) {
    const size = windowSizeFrom(name);
    if (!size || name === 'month' || size.longestMs >= previous.agoMs) continue;
    const before = previous.agoMs / size.longestMs;
    if (!Number.isInteger(before)) find('previous', `is no multiple of the windows of ${name}, so no one window began so long before`);
    else if (before > MOST_PAST_WINDOWS)
      find('previous', `is ${before} windows of ${name}; the counts of ${MOST_PAST_WINDOWS} are kept at most, so leave that size out`);
  }
  return findings;
};
