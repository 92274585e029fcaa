import type { Run } from './model-thread.ts';

/** More than these are not named. */
const MAX_NAMED = 4;

/** Where the rows of a run came from, for the log: `topic-0 offset 17 to 42, topic-1 offset 3 to 9`. */
export function recordsOf({ rows, fromRow, toRow }: Pick<Run, 'rows' | 'fromRow' | 'toRow'>): string {
  const named: string[] = [];
  for (const { records, from, to, fromRow: first } of rows.slices) {
    const begin = Math.max(from, from + fromRow - first);
    const end = Math.min(to, from + toRow - first);
    if (begin >= end) continue;
    const { topic, partition, offsets } = records;
    named.push(`${topic}-${partition} offset ${offsets[begin]}${end - begin > 1 ? ` to ${offsets[end - 1]}` : ''}`);
  }
  const more = named.length - MAX_NAMED;
  return [...named.slice(0, MAX_NAMED), ...(more > 0 ? [`${more} more`] : [])].join(', ');
}
