import { z } from 'zod';
import { name } from './scalars.ts';
import { driftSection } from './sections/drift.ts';
import { featuresSection, storesSection } from './sections/features.ts';
import { batchSection, deliverySection, flowSection, modelSection } from './sections/flow.ts';
import { inputSection } from './sections/input.ts';
import { kafkaSection, registrySection } from './sections/kafka.ts';
import { labelsSection } from './sections/labels.ts';
import { opsSection } from './sections/ops.ts';
import { outputSection } from './sections/output.ts';
import { duration } from './scalars.ts';

/**
 * The one schema of `weir.yaml`. Types, defaults, validation, `docs/reference/config.md` and `schemas/weir.schema.json`
 * come from it. What depends on two sections stands in `rules.ts` and `finish.ts`.
 */
export const pipelineSchema = z
  .strictObject({
    name: name().describe('Name of the pipeline: in logs and metrics, and the default of the consumer group, client id and topic names.'),
    kafka: kafkaSection,
    registry: registrySection,
    input: inputSection,
    stores: storesSection,
    features: featuresSection,
    model: modelSection,
    batch: batchSection,
    flow: flowSection,
    delivery: deliverySection,
    output: outputSection,
    drift: driftSection,
    labels: labelsSection,
    ops: opsSection,
    shutdownTimeoutMs: duration(0).prefault(30_000).describe('How long a worker may take to settle what is in flight after SIGTERM.'),
  })
  .describe('A pipeline of weir.');

/** `weir.yaml` after its own defaults, before those that depend on other sections. */
export type PipelineFile = z.output<typeof pipelineSchema>;
