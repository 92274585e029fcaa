import type { LetterFilter } from '../app/dlq-filter.ts';
import type { DlqFilterOptions } from './dlq.ts';

/** The filter that options say. */
export function filterFrom({ code, stage, since, until, partition, sourcePartition }: DlqFilterOptions): LetterFilter {
  return {
    ...(code && { codes: code }),
    ...(stage && { stages: stage }),
    ...(since !== undefined && { sinceMs: since }),
    ...(until !== undefined && { untilMs: until }),
    ...(partition && { partitions: partition }),
    ...(sourcePartition && { sourcePartitions: sourcePartition }),
  };
}
