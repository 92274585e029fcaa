/** What the merger needs to add up performance. */
import type { OutputFraming } from '../avro/output-framing.ts';
import type { PipelineConfig } from '../config/index.ts';
import type { MergerOptions } from '../drift/merger.ts';
import { performanceLayoutOf } from '../drift/performance/layout.ts';
import type { ReferenceProfile } from '../drift/reference-profile.ts';
import { performanceDeltaSchema, performanceStatisticsSchema } from '../drift/schemas.ts';
import type { ModelPackage } from '../model/index.ts';
import { performanceMetricOf, performanceTaskFrom } from './labels/task.ts';

/** How a merger counts and judges performance. */
export type MergedPerformance = NonNullable<MergerOptions['performance']>;

/**
 * From `labels`, the model and its reference profile; undefined without `labels`.
 * @param framing makes the frame of a topic's records
 * @throws WeirError `config_invalid`, or what the registry throws
 */
export async function mergedPerformanceOf(
  { labels, drift }: Pick<PipelineConfig, 'labels' | 'drift'>,
  outputs: ModelPackage['outputs'],
  reference: ReferenceProfile,
  framing: (schema: unknown, topic: string) => Promise<OutputFraming>,
): Promise<MergedPerformance | undefined> {
  if (!labels) return undefined;
  const task = performanceTaskFrom(labels, outputs);
  const { ttlMs, maxDrop, minSamples, performanceTopic: topic } = labels;
  return {
    layout: performanceLayoutOf(reference, task),
    topic,
    prefix: (await framing(performanceStatisticsSchema, topic)).prefix,
    // The profiles topic has two schemas, and its own subject is that of the other one.
    deltaPrefix: (await framing(performanceDeltaSchema, `${drift.profilesTopic}-performance`)).prefix,
    metric: performanceMetricOf(labels, task),
    ...{ ttlMs, maxDrop, minSamples },
  };
}
